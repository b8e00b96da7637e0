"""A table of texts, for a terminal and for markdown."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table as RichTable

from dr_lightning.analysis.markdown_text import plain

LONGEST_WORD = 20
NARROW = 120
_CELLS = {" / ": "/", " (": "\n(", " > ": "\n> ", " ± ": "\n± ", "; ": "\n"}
_INTERVALS = {" to ": " to\n"}
_HEADS = {" / ": "/\n", " (": "\n(", " in ": "\nin "}


@dataclass(frozen=True)
class Table:
    """Rows of cells under a title.

    Args:
        title: What is in it.
        columns: Their heads; the first column names the row.
        rows: Cells, as many as columns.
        note: How to read it.
        texts: Columns, from the first, that hold texts; the others hold numbers.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    texts: int = 1

    def markdown(self) -> Iterator[str]:
        """Lines of the table alone, without title and note."""
        return markdown(self.columns, self.rows, self.texts)

    def rich(self, width: int) -> RichTable:
        """For a terminal.

        Args:
            width: Columns of the terminal; in fewer than 120 intervals and heads are
                broken where a reader would, and 80 are enough for the tables here.
        """
        heads, breaks = (_HEADS, _CELLS) if width < NARROW else ({}, {})
        name = self._longest_word()
        if name + self._beside_names(heads, breaks) > width:
            breaks = breaks | _INTERVALS
            # A name may be broken, a number may not.
            name = min(name, width - self._beside_names(heads, breaks))
        table = RichTable(
            title=escape(self.title),
            caption=escape(self.note) or None,
            title_justify="left",
            caption_justify="left",
            box=SIMPLE_HEAD,
            show_edge=False,
            pad_edge=False,
            padding=(0, 1, 0, 0),
        )
        for number, column in enumerate(self.columns):
            table.add_column(
                escape(_broken(column, heads)),
                justify="left" if number < self.texts else "right",
                overflow="fold",
                # Numbers are broken already: the names get what is left.
                no_wrap=number >= self.texts,
                min_width=max(name, 1) if number == 0 else None,
            )
        for row in self.rows:
            table.add_row(*(escape(_broken(cell, breaks)) for cell in row))
        return table

    def _beside_names(self, heads: Mapping[str, str], breaks: Mapping[str, str]) -> int:
        """Characters that all but the first column need."""
        table = [self.columns, *self.rows]
        columns = [
            [_broken(cell, breaks if row else heads) for row, cell in enumerate(cells)]
            for cells in zip(*table, strict=True)
        ]
        numbers = columns[self.texts :]
        lines = [max(map(len, "\n".join(cells).split("\n"))) for cells in numbers]
        words = [max(map(len, " ".join(c).split())) for c in columns[1 : self.texts]]
        between = 2 * (len(columns) - 1)
        return sum(lines) + sum(words) + between

    def _longest_word(self) -> int:
        """Of the first column, in characters; names longer than that are broken."""
        words = " ".join(row[0] for row in self.rows).split()
        return min(max(map(len, words), default=0), LONGEST_WORD)


def markdown(
    columns: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1
) -> Iterator[str]:
    r"""Lines of a markdown table.

    Args:
        columns: Their heads.
        rows: Cells, as many as columns.
        texts: Columns, from the first, that stand left; the others stand right.

    Example:
        >>> print(*markdown(["a", "b"], [["x|y", "1"], ["<b>", "< 1"]]), sep="\n")
        | a | b |
        |---|---:|
        | x&#124;y | 1 |
        | &lt;b> | < 1 |
    """
    yield _line(columns)
    yield "|" + "---|" * texts + "---:|" * (len(columns) - texts)
    yield from map(_line, rows)


def _broken(text: str, breaks: Mapping[str, str]) -> str:
    for place, mended in breaks.items():
        text = text.replace(place, mended)
    return text


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(plain, cells))} |"

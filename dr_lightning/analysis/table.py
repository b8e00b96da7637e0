"""A table of texts, for a terminal and for markdown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.markup import escape
from rich.table import Table as RichTable


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
        r"""Lines of the table alone, without title and note.

        Example:
            >>> print(*Table("t", ["a", "b"], [["x|y", "1"]]).markdown(), sep="\n")
            | a | b |
            |---|---:|
            | x\|y | 1 |
        """
        yield _line(self.columns)
        yield "|" + "---|" * self.texts + "---:|" * (len(self.columns) - self.texts)
        yield from map(_line, self.rows)

    def rich(self) -> RichTable:
        """For a terminal."""
        table = RichTable(
            title=escape(self.title),
            caption=escape(self.note) or None,
            title_justify="left",
            caption_justify="left",
        )
        for number, column in enumerate(self.columns):
            table.add_column(
                escape(column),
                justify="left" if number < self.texts else "right",
                overflow="fold",
            )
        for row in self.rows:
            table.add_row(*map(escape, row))
        return table


def _line(cells: Sequence[str]) -> str:
    """Pipes and new lines would end a cell."""
    told = (" ".join(cell.split()).replace("|", "\\|") for cell in cells)
    return "| " + " | ".join(told) + " |"

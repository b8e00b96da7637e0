"""Queries with the passages found for them, as a page to read and as a table."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dr_lightning.analysis.markdown_text import fence, plain

_EXCERPT = 160  # characters of a passage
_LEGEND = (
    "`base` is the rank by the base model among the same passages, `-` a rank beyond "
    "{found} or not known, the score a cosine; relevant passages are bold."
)
COLUMNS = (
    "collection",
    "query_id",
    "query",
    "rank",
    "base_rank",
    "score",
    "relevant",
    "passage_id",
    "passage",
)


class Hit(NamedTuple):
    """A passage and where it stands for a query; None = not among those found."""

    passage_id: str
    title: str
    text: str
    relevant: bool
    rank: int | None
    base_rank: int | None
    score: float | None


class Example(NamedTuple):
    """A query, its first passages, and what stands elsewhere."""

    collection: str
    query_id: str
    text: str
    #: How many passages are relevant.
    relevant: int
    measure: str
    #: The query's measure now and of the base model; None = not known.
    value: float | None
    base_value: float | None
    first: Sequence[Hit]
    #: Relevant passages that are not among the first.
    below: Sequence[Hit]
    #: Passages that were among the base's first and are no more.
    gone: Sequence[Hit]


def page(examples: Sequence[Example], step: int, found: int) -> str:
    """A page in markdown.

    Args:
        examples: What it shows.
        step: Optimizer steps that the model has taken.
        found: Passages that were looked at for each query.
    """
    lines = [
        f"# Examples after {step} steps",
        "",
        _LEGEND.format(found=found),
        "",
    ]
    for example in examples:
        lines += _section(example)
    return "\n".join(lines)


def rows(examples: Sequence[Example]) -> Iterator[list[str | int | float | bool]]:
    """The first passages as rows of `COLUMNS`; 0 = no such rank.

    Args:
        examples: What is shown.
    """
    for example in examples:
        for hit in example.first:
            yield [
                example.collection,
                example.query_id,
                example.text,
                hit.rank or 0,
                hit.base_rank or 0,
                hit.score or 0.0,
                hit.relevant,
                hit.passage_id,
                excerpt(hit),
            ]


def _section(example: Example) -> list[str]:
    lines = [
        f"## {plain(example.text)}",
        "",
        _values(example),
        "",
        "| rank | base | score | passage | |",
        "|---:|---:|---:|---|---|",
    ]
    for hit in example.first:
        # The one place where a bar in a code span has to be escaped.
        code = _code(hit.passage_id).replace("|", r"\|")
        name = f"**{code}**" if hit.relevant else code
        place = f"{_rank(hit.rank)} | {_rank(hit.base_rank)} | {hit.score or 0:.3f}"
        lines.append(f"| {place} | {name} | {_cell(hit)} |")
    for title, hits in (
        ("Relevant and further down", example.below),
        ("No longer among the first", example.gone),
    ):
        if hits:
            lines += ["", f"{title}:", ""]
            lines += [f"- {_line(hit)}" for hit in hits]
    return [*lines, ""]


def _values(example: Example) -> str:
    told = f"{plain(example.collection)}, query {_code(example.query_id)}"
    told += f", relevant passages: {example.relevant}"
    if example.value is not None:
        told += f", {example.measure} {example.value:.3f}"
    if example.base_value is not None:
        told += f" (base {example.base_value:.3f})"
    return told


def _line(hit: Hit) -> str:
    ranks = f"rank {_rank(hit.rank)}, base {_rank(hit.base_rank)}"
    return f"{_code(hit.passage_id)} {_title(hit)}({ranks})"


def _cell(hit: Hit) -> str:
    return f"{_title(hit)}{plain(excerpt(hit))}"


def _title(hit: Hit) -> str:
    if not hit.title:
        return ""
    title = plain(hit.title)
    return f"**{title}** " if hit.relevant else f"*{title}* "


def _code(name: str) -> str:
    """A code span, in which HTML stands for itself."""
    line = " ".join(name.split())
    ticks = fence(line, 1)
    # Beside backticks of its own it needs a space, which is not shown.
    return f"{ticks} {line} {ticks}" if "`" in line else f"{ticks}{line}{ticks}"


def _rank(rank: int | None) -> str:
    return "-" if rank is None else str(rank)


def excerpt(hit: Hit) -> str:
    """The beginning of a passage, on one line.

    Args:
        hit: The passage.
    """
    text = " ".join(hit.text.split())
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT].rstrip()} ..."

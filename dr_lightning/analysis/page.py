"""A report as a page that stands alone, and as markdown."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

import dr_lightning
from dr_lightning.analysis.changes import Change, Passage
from dr_lightning.analysis.drawing import NARROW, WIDE, svg
from dr_lightning.analysis.markdown_text import fence, plain
from dr_lightning.analysis.section import Changed, Figure, Section
from dr_lightning.analysis.table import Table

_SNIPPET = 240
"""Characters of a passage that are shown."""


def html(title: str, notes: Sequence[str], sections: Sequence[Section]) -> str:
    """A page without scripts and without anything that it would have to load.

    Args:
        title: Heads the page.
        notes: What a reader must know first.
        sections: Empty ones are left out.
    """
    environment = Environment(
        loader=PackageLoader("dr_lightning.analysis", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["snippet"] = snippet
    figures = {
        block: [Markup(svg(block.draw, width)) for width in (WIDE, NARROW)]  # noqa: S704
        for section in sections
        for block in section.blocks
        if isinstance(block, Figure)
    }
    return environment.get_template("report.html.jinja").render(
        title=title,
        notes=notes,
        made=_made(),
        sections=[one for one in sections if _holds_something(one)],
        figures=figures,
    )


def markdown(title: str, notes: Sequence[str], sections: Sequence[Section]) -> str:
    """The same without figures.

    Args:
        title: Heads the text.
        notes: What a reader must know first.
        sections: Empty ones are left out.
    """
    lines = [f"# {plain(title)}", "", _made(), ""]
    lines += [f"- {plain(note)}" for note in notes] + ([""] if notes else [])
    for section in sections:
        tables = [one for one in section.blocks if isinstance(one, Table)]
        if tables or section.changed or section.commands:
            lines += _section(section, tables)
    return "\n".join(lines).rstrip() + "\n"


def _made() -> str:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"Written by dr_lightning {dr_lightning.__version__}, {now}."


def _holds_something(one: Section) -> bool:
    return bool(one.blocks or one.changed or one.commands)


def _section(section: Section, tables: Sequence[Table]) -> Iterator[str]:
    yield from (f"## {section.title}", "")
    if section.text:
        yield from (plain(section.text), "")
    for table in tables:
        yield from (f"**{plain(table.title)}**", "", *table.markdown(), "")
        yield from (plain(table.note), "") if table.note else ()
    for changed in section.changed:
        yield from _changed(changed)
    if section.commands:
        ticks = fence("\n".join(section.commands), 3)
        yield from (ticks, *section.commands, ticks, "")


def _changed(changed: Changed) -> Iterator[str]:
    for label, several in (("gained", changed.gained), ("lost", changed.lost)):
        if several:
            yield from (f"**{plain(changed.title)}: most {label}**", "")
            for change in several:
                yield from _change(change)
            yield ""


def _change(change: Change) -> Iterator[str]:
    text = change.text or change.query_id
    yield f"- {change.before:.3f} -> {change.after:.3f}: {plain(text)}"
    for label, found in (
        ("before", change.found_before),
        ("after", change.found_after),
    ):
        told = "; ".join(map(_passage, found))
        yield f"  - {label}: {told}"


def _passage(passage: Passage) -> str:
    mark = " (relevant)" if (passage.relevance or 0) > 0 else ""
    return plain(f"{passage.passage_id}{mark} {snippet(passage.text, 80)}".strip())


def snippet(text: str, length: int = _SNIPPET) -> str:
    """The beginning of a text, cut between words.

    Args:
        text: The text.
        length: Characters at most, an ellipsis not counted.

    Example:
        >>> snippet("the quick brown fox", 12)
        'the quick …'
        >>> snippet("short", 12)
        'short'
    """
    if len(text) <= length:
        return text
    return text[: length + 1].rsplit(" ", 1)[0][:length] + " …"

"""A part of a report: tables, figures, queries and commands."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import altair as alt

from dr_lightning.analysis.changes import Change
from dr_lightning.analysis.table import Table


@dataclass(frozen=True)
class Figure:
    """A plot and how to read it.

    Args:
        reading: A sentence or two.
        draw: Gives the chart of a width in pixels.
    """

    reading: str
    draw: Callable[[int], alt.LayerChart]


@dataclass(frozen=True)
class Changed:
    """Queries of a system that changed most.

    Args:
        title: The system and the collection.
        gained: Most gained first.
        lost: Most lost first.
    """

    title: str
    gained: Sequence[Change]
    lost: Sequence[Change]


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Args:
        title: Its heading.
        text: What it tells.
        blocks: Tables, and figures, which markdown leaves out.
        changed: Queries with their passages.
        commands: Shell commands.
    """

    title: str
    text: str = ""
    blocks: Sequence[Table | Figure] = ()
    changed: Sequence[Changed] = ()
    commands: Sequence[str] = ()

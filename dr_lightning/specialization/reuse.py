"""Which teacher scores of other students hold for a student too."""

from pathlib import Path
from typing import Any

from dr_lightning.specialization.layout import Layout
from dr_lightning.steps.records import Record, expected
from dr_lightning.steps.step import Step


def reusable(step: Step, layout: Layout) -> list[Path]:
    """Scores by the same teacher, of the same texts, as their records tell.

    A student that was not run again after a change of teacher or queries keeps its old
    scores, which `score` would refuse.

    Args:
        step: The step that scores.
        layout: Where everything lies.
    """
    if not all(path.exists() for path in step.reads):
        return []
    wanted = expected(step, layout.work)
    scores = step.products[0].relative_to(layout.own)
    return [
        folder / scores
        for folder in layout.other_students
        if (folder / scores).exists()
        and _holds(Record.load(folder / "steps" / f"{step.name}.json"), wanted)
    ]


def _holds(found: Record | None, wanted: Record) -> bool:
    if found is None or not found.products or found.release != wanted.release:
        return False
    old, new = _shared(found), _shared(wanted)
    return _judge(found) == _judge(wanted) and (old <= new or old >= new)


def _judge(record: Record) -> dict[str, Any]:
    """Settings that a pair's score follows from."""
    names = (name for name in record.settings if name.startswith("teacher."))
    return {name: record.settings[name] for name in [*names, "template"]}


def _shared(record: Record) -> set[tuple[str, str]]:
    """Fingerprints of what is read, the student's own candidates left out."""
    own = record.settings["candidates"]
    return {item for item in record.reads.items() if item[0] != own}

"""What judges candidates in a run: the teacher, and those whose scores are averaged."""

from typing import Any

from dr_lightning.specialization.options import Settings


def teachers(settings: Settings) -> dict[str | None, dict[str, Any]]:
    """Options of each teacher by its name; the one that `teacher` names has none.

    Args:
        settings: What `options.read` gave.
    """
    return {None: settings["teacher"]} | (settings["more_teachers"] or {})


def step_of(step: str, teacher: str | None) -> str:
    """Name of a teacher's own step: that of the first is the plain one.

    Args:
        step: What the step does.
        teacher: Name of the teacher.

    Example:
        >>> step_of("score", None), step_of("score", "bm25")
        ('score', 'score_bm25')
    """
    return step if teacher is None else f"{step}_{teacher}"

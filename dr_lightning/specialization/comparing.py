"""The last steps of `specialize`: runs of base, specialised and teacher, compared."""

from collections.abc import Callable
from typing import Any

from dr_lightning.specialization.layout import Layout
from dr_lightning.specialization.options import Settings, reading
from dr_lightning.specialization.teachers import step_of, teachers
from dr_lightning.steps.step import Step, texts, trained

DEPTH = 1000
"""Passages of the runs that are compared: what `evaluate` itself would search for."""


def run_of(
    who: str, encoder: Callable[[Settings, Layout], Any]
) -> Callable[[Settings, Layout], Step]:
    """Makes what builds the step that searches for the judged queries.

    Args:
        who: Name of the run.
        encoder: Options of the encoder that searches.
    """

    def build_run(settings: Settings, layout: Layout) -> Step:
        queries, _ = layout.judged(settings["test"] is not None)
        files = {"corpus": layout.corpus, "queries": queries}
        kept = ("encoding", "search", "part_passages")
        shaping = {name: settings["retrieve"][name] for name in kept}
        asked = {"encoder": encoder(settings, layout), "depth": DEPTH}
        out = layout.evaluation / f"{who}.parquet"
        written = {"source_depth": None, "out": str(out)}
        options = shaping | reading(settings) | asked | texts(files) | written
        model = (layout.model,) if who == "specialised" else ()
        return Step(
            name=f"{who}_run",
            command="retrieve",
            options=options,
            reads=(*files.values(), *model),
            products=(out,),
        )

    return build_run


def ranking_teachers(settings: Settings) -> list[str | None]:
    """The teachers that rank the test queries' passages too: all, or none.

    Args:
        settings: What `options.read` gave.
    """
    test = settings["test"]
    asked = test is not None and test["teacher_depth"] > 0
    return list(teachers(settings)) if asked else []


def teacher_run(teacher: str | None, settings: Settings, layout: Layout) -> Step:
    """The step in which a teacher ranks the base's first passages.

    Args:
        teacher: Its name.
        settings: What `options.read` gave.
        layout: Where everything lies.
    """
    queries, _ = layout.judged(tested=True)
    base = layout.evaluation / "base.parquet"
    files = {"candidates": base, "queries": queries, "corpus": layout.corpus}
    out = layout.ranking_of(teacher)
    asked = {"teacher": teachers(settings)[teacher], "template": settings["template"]}
    # All that is asked for is scored: nothing here is a training list.
    depth = {"depth": settings["test"]["teacher_depth"], "fail_fast": False}
    return Step(
        name=step_of("teacher_run", teacher),
        command="score",
        options=asked | depth | texts(files) | {"out": str(out)},
        reads=tuple(files.values()),
        products=(out,),
    )


def evaluate(settings: Settings, layout: Layout) -> Step:
    """The step that judges the runs.

    Args:
        settings: What `options.read` gave.
        layout: Where everything lies.
    """
    tested = settings["test"] is not None
    queries, qrels = layout.judged(tested)
    files = {"corpus": layout.corpus, "queries": queries, "qrels": qrels}
    compared = ("base", "specialised")
    runs = {name: layout.evaluation / f"{name}.parquet" for name in compared}
    for teacher in ranking_teachers(settings):
        runs[step_of("teacher", teacher)] = layout.ranking_of(teacher)
    out = layout.evaluation / "comparison"
    title = "test queries" if tested else "synthetic dev queries"
    options = {
        "collection": {"name": title, **texts(files)},
        "runs": [f"{name}={path}" for name, path in runs.items()],
        "out": str(out),
    }
    return Step(
        name="evaluate",
        command="evaluate",
        options=settings["evaluate"] | options,
        reads=(*files.values(), *runs.values()),
        products=(out / "metrics.json",),
    )


def student(settings: Settings, layout: Layout) -> Any:
    """Options of the student before training."""
    return settings["student"]


def specialised(settings: Settings, layout: Layout) -> dict[str, Any]:
    """Options of the student after training."""
    return trained(settings["student"], layout.model)

"""The last steps of `specialize`: runs of base, specialised and teacher, compared."""

from collections.abc import Callable
from typing import Any

from dr_lightning.specialization.layout import Layout
from dr_lightning.specialization.options import Settings, reading
from dr_lightning.steps.step import Step, texts

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


def asks_teacher(settings: Settings) -> bool:
    """Whether the teacher ranks the test queries' passages too.

    Args:
        settings: What `options.read` gave.
    """
    test = settings["test"]
    return test is not None and test["teacher_depth"] > 0


def teacher_run(settings: Settings, layout: Layout) -> Step:
    """The step in which the teacher ranks the base's first passages.

    Args:
        settings: What `options.read` gave.
        layout: Where everything lies.
    """
    queries, _ = layout.judged(tested=True)
    base = layout.evaluation / "base.parquet"
    files = {"candidates": base, "queries": queries, "corpus": layout.corpus}
    out = layout.evaluation / "teacher.parquet"
    asked = {key: settings[key] for key in ("teacher", "template")}
    # All that is asked for is scored: nothing here is a training list.
    depth = {"depth": settings["test"]["teacher_depth"], "fail_fast": False}
    return Step(
        name="teacher_run",
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
    systems = ["base", "specialised"]
    systems += ["teacher"] if asks_teacher(settings) else []
    runs = {name: layout.evaluation / f"{name}.parquet" for name in systems}
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
    return {"class_path": "Encoder", "init_args": {"backbone": str(layout.model)}}

"""The steps of `specialize`, in order, as they follow from its settings."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from dr_lightning.models.weights import PACKAGE
from dr_lightning.specialization import comparing
from dr_lightning.specialization.layout import Layout
from dr_lightning.specialization.options import Settings, reading
from dr_lightning.specialization.reuse import reusable
from dr_lightning.specialization.writers import writers
from dr_lightning.steps.step import Step, texts

DEFAULT_FIT = Path(str(files("dr_lightning.specialization") / "fit.yaml"))


def layout_of(settings: Settings) -> Layout:
    """The paths of a run.

    Args:
        settings: What `options.read` gave.
    """
    name = settings["name"] or _own_name(settings["student"])
    split = (settings["test"] or {}).get("split")
    further = tuple(settings["more_queries"] or ())
    return Layout(Path(settings["work"]), name, split, further)


def _own_name(student: dict[str, Any]) -> str:
    """The model's name; of a folder that is merely called "model", the one above."""
    path = Path(student["init_args"]["backbone"].removeprefix(PACKAGE))
    return path.parent.name if path.name == "model" and path.parent.name else path.name


def names(settings: Settings) -> list[str]:
    """The steps of a run, in order.

    Args:
        settings: What `options.read` gave.
    """
    asked = comparing.asks_teacher(settings)
    return [name for name in _builders(settings) if asked or name != "teacher_run"]


def build(name: str, settings: Settings) -> Step:
    """A step as it stands now: what it reads may depend on what others made.

    Args:
        name: One of `names`.
        settings: What `options.read` gave.
    """
    return _builders(settings)[name](settings, layout_of(settings))


def _ingest(settings: Settings, layout: Layout) -> Step:
    test = settings["test"] or {"split": None, "queries": None, "qrels": None}
    source = {"source": settings["corpus"]}
    source |= {name: test[name] for name in ("queries", "qrels") if test[name]}
    splits = {} if test["split"] is None else {"splits": [test["split"]]}
    judged = layout.judged(tested=True) if settings["test"] else ()
    return Step(
        name="ingest",
        command="ingest",
        options=source | splits | settings["ingest"] | {"out": str(layout.ingested)},
        reads=tuple(Path(text) for text in source.values() if Path(text).exists()),
        products=(layout.corpus, *judged),
        shared=True,
    )


def _deduplicate(settings: Settings, layout: Layout) -> Step:
    out = layout.dropped.parent
    files = {"corpus": str(layout.corpus), "out": str(out)}
    template = {"template": settings["template"]}
    return Step(
        name="deduplicate",
        command="deduplicate",
        options=settings["deduplicate"] | template | files,
        reads=(layout.corpus,),
        products=(out / "corpus.parquet", layout.dropped),
        shared=True,
    )


def _generate(name: str, settings: Settings, layout: Layout) -> Step:
    own = writers(settings)[name]
    out = layout.queries_of(own.get("writer"))
    files = {"corpus": layout.corpus_for(out), "dropped": layout.dropped}
    return Step(
        name=name,
        command="generate",
        options=settings["generate"] | own | texts(files) | {"out": str(out)},
        reads=tuple(files.values()),
        products=(out,),
        shared=True,
    )


def _retrieve(settings: Settings, layout: Layout) -> Step:
    files = {"corpus": layout.training_corpus, "dropped": layout.dropped}
    asked = {"encoder": settings["student"], "depth": settings["budget"]["candidates"]}
    asked |= _queries(layout) | {"out": str(layout.candidates)}
    return Step(
        name="retrieve",
        command="retrieve",
        options=settings["retrieve"] | reading(settings) | texts(files) | asked,
        reads=(*files.values(), *layout.queries),
        products=(layout.candidates,),
    )


def _score(settings: Settings, layout: Layout) -> Step:
    files = {"candidates": layout.candidates, "corpus": layout.training_corpus}
    asked = {key: settings[key] for key in ("teacher", "template")}
    asked |= _queries(layout) | {"out": str(layout.teacher_scores)}
    depth = {"depth": settings["budget"]["candidates"]}
    step = Step(
        name="score",
        command="score",
        options=settings["score"] | asked | depth | texts(files),
        reads=(*files.values(), *layout.queries),
        products=(layout.teacher_scores,),
    )
    known = ",".join(map(str, reusable(step, layout)))
    return replace(step, extra=(f"--reuse=[{known}]",)) if known else step


def _queries(layout: Layout) -> dict[str, Any]:
    """The option of the stages that take the queries of all writers."""
    paths = [str(path) for path in layout.queries]
    return {"queries": paths if len(paths) > 1 else paths[0]}


def _curate(settings: Settings, layout: Layout) -> Step:
    scores = {"teacher_scores": layout.teacher_scores}
    asked = _queries(layout) | {"out": str(layout.lists)}
    made = ("train", "dev", "dev_queries", "dev_qrels")
    return Step(
        name="curate",
        command="curate",
        options=settings["curate"] | texts(scores) | asked,
        reads=(*layout.queries, layout.teacher_scores),
        products=tuple(layout.lists / f"{name}.parquet" for name in made),
    )


def _fit(settings: Settings, layout: Layout) -> Step:
    queries, qrels = layout.judged(tested=False)
    corpus = layout.training_corpus
    lists = {part: layout.lists / f"{part}.parquet" for part in ("train", "dev")}
    files = {"corpus": corpus, "queries": queries, "qrels": qrels}
    dev = {"name": "dev", **texts(files)}
    data = {
        "corpus": str(corpus),
        "lists": texts(lists),
        "collections": {"validation": [dev], "test": []},
        "reading": reading(settings),
    }
    logger = {"save_dir": str(layout.own), "name": layout.run.name, "version": ""}
    trainer = {
        "max_epochs": settings["budget"]["epochs"],
        "logger": {"class_path": "CSVLogger", "init_args": logger},
    }
    base = DEFAULT_FIT if settings["fit"] is None else Path(settings["fit"])
    return Step(
        name="fit",
        command="fit",
        options={
            "model": {"encoder": settings["student"]},
            "data": {"class_path": "TrainingListDataModule", "init_args": data},
            "trainer": trainer,
        },
        reads=(*files.values(), *lists.values(), base),
        products=(layout.model, layout.run / "run.json"),
        base=base,
        run=layout.run,
    )


Builder = Callable[[Settings, Layout], Step]
_UP_TO_QUERIES: dict[str, Builder] = {
    "ingest": _ingest,
    "deduplicate": _deduplicate,
}
_FROM_QUERIES: dict[str, Builder] = {
    "retrieve": _retrieve,
    "score": _score,
    "curate": _curate,
    "fit": _fit,
    "base_run": comparing.run_of("base", comparing.student),
    "specialised_run": comparing.run_of("specialised", comparing.specialised),
    "teacher_run": comparing.teacher_run,
    "evaluate": comparing.evaluate,
}


def _builders(settings: Settings) -> dict[str, Builder]:
    """What builds each step, in order."""
    generate = {name: partial(_generate, name) for name in writers(settings)}
    return _UP_TO_QUERIES | generate | _FROM_QUERIES

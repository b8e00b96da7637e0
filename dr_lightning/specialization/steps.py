"""The steps of `specialize`, in order, as they follow from its settings."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

from dr_lightning.models.weights import PACKAGE
from dr_lightning.specialization import comparing
from dr_lightning.specialization.layout import Layout
from dr_lightning.specialization.options import Settings
from dr_lightning.specialization.step import Step, reading, texts

DEFAULT_FIT = Path(str(files("dr_lightning.specialization") / "fit.yaml"))


def layout_of(settings: Settings) -> Layout:
    """The paths of a run.

    Args:
        settings: What `options.read` gave.
    """
    name = settings["name"] or _own_name(settings["student"])
    split = (settings["test"] or {}).get("split")
    return Layout(Path(settings["work"]), name, split)


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
    return [name for name in _BUILDERS if asked or name != "teacher_run"]


def build(name: str, settings: Settings) -> Step:
    """A step as it stands now: what it reads may depend on what others made.

    Args:
        name: One of `names`.
        settings: What `options.read` gave.
    """
    return _BUILDERS[name](settings, layout_of(settings))


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


def _generate(settings: Settings, layout: Layout) -> Step:
    asked = {"engine": settings["llm"], "queries": settings["budget"]["queries"]}
    files = {"corpus": layout.corpus, "dropped": layout.dropped, "out": layout.queries}
    return Step(
        name="generate",
        command="generate",
        options=settings["generate"] | asked | texts(files),
        reads=(layout.corpus, layout.dropped),
        products=(layout.queries,),
        shared=True,
    )


def _retrieve(settings: Settings, layout: Layout) -> Step:
    files = {
        "corpus": layout.training_corpus,
        "queries": layout.queries,
        "dropped": layout.dropped,
    }
    asked = {"encoder": settings["student"], "depth": settings["budget"]["candidates"]}
    out = {"out": str(layout.candidates)}
    return Step(
        name="retrieve",
        command="retrieve",
        options=settings["retrieve"] | reading(settings) | asked | texts(files) | out,
        reads=tuple(files.values()),
        products=(layout.candidates,),
    )


def _score(settings: Settings, layout: Layout) -> Step:
    files = {
        "candidates": layout.candidates,
        "queries": layout.queries,
        "corpus": layout.training_corpus,
    }
    asked = {key: settings[key] for key in ("teacher", "template")}
    depth = {"depth": settings["budget"]["candidates"]}
    out = {"out": str(layout.teacher_scores)}
    known = ",".join(map(str, layout.other_scores))
    return Step(
        name="score",
        command="score",
        options=settings["score"] | asked | depth | texts(files) | out,
        reads=tuple(files.values()),
        products=(layout.teacher_scores,),
        extra=(f"--reuse=[{known}]",) if known else (),
    )


def _curate(settings: Settings, layout: Layout) -> Step:
    files = {"queries": layout.queries, "teacher_scores": layout.teacher_scores}
    made = ("train", "dev", "dev_queries", "dev_qrels")
    return Step(
        name="curate",
        command="curate",
        options=settings["curate"] | texts(files) | {"out": str(layout.lists)},
        reads=tuple(files.values()),
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
    )


_BUILDERS: dict[str, Callable[[Settings, Layout], Step]] = {
    "ingest": _ingest,
    "deduplicate": _deduplicate,
    "generate": _generate,
    "retrieve": _retrieve,
    "score": _score,
    "curate": _curate,
    "fit": _fit,
    "base_run": comparing.run_of("base", comparing.student),
    "specialised_run": comparing.run_of("specialised", comparing.specialised),
    "teacher_run": comparing.teacher_run,
    "evaluate": comparing.evaluate,
}

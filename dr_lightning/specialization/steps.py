"""The steps of `specialize`, in order, as they follow from its settings."""

from collections.abc import Callable, Sequence
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
from dr_lightning.specialization.teachers import step_of, teachers
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
    further = [tuple(settings[key] or ()) for key in ("more_queries", "more_teachers")]
    return Layout(Path(settings["work"]), name, split, *further)


def _own_name(student: dict[str, Any]) -> str:
    """The model's name; of a folder that is merely called "model", the one above."""
    path = Path(student["init_args"]["backbone"].removeprefix(PACKAGE))
    return path.parent.name if path.name == "model" and path.parent.name else path.name


def names(settings: Settings) -> list[str]:
    """The steps of a run, in order.

    Args:
        settings: What `options.read` gave.
    """
    return list(_builders(settings))


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


def _score(teacher: str | None, settings: Settings, layout: Layout) -> Step:
    files = {"candidates": layout.candidates, "corpus": layout.training_corpus}
    out = layout.scores_of(teacher)
    asked = {"teacher": teachers(settings)[teacher], "template": settings["template"]}
    asked |= _queries(layout) | {"out": str(out)}
    asked |= {"depth": settings["budget"]["candidates"]}
    # What one teacher gives up, the mean of several may put first.
    alone = settings["score"]["fail_fast"] and len(teachers(settings)) == 1
    step = Step(
        name=step_of("score", teacher),
        command="score",
        options=settings["score"] | asked | texts(files) | {"fail_fast": alone},
        reads=(*files.values(), *layout.queries),
        products=(out,),
    )
    known = ",".join(map(str, reusable(step, layout)))
    return replace(step, extra=(f"--reuse=[{known}]",)) if known else step


def _queries(layout: Layout) -> dict[str, Any]:
    """The option of the stages that take the queries of all writers."""
    return {"queries": _one_or_all(layout.queries)}


def _one_or_all(files: Sequence[Path]) -> str | list[str]:
    return str(files[0]) if len(files) == 1 else [str(path) for path in files]


def _curate(settings: Settings, layout: Layout) -> Step:
    scores = {"teacher_scores": _one_or_all(layout.teacher_scores)}
    asked = _queries(layout) | {"out": str(layout.lists)}
    made = ("train", "dev", "dev_queries", "dev_qrels")
    return Step(
        name="curate",
        command="curate",
        options=settings["curate"] | scores | asked,
        reads=(*layout.queries, *layout.teacher_scores),
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
_FROM_SCORES: dict[str, Builder] = {
    "curate": _curate,
    "fit": _fit,
    "base_run": comparing.run_of("base", comparing.student),
    "specialised_run": comparing.run_of("specialised", comparing.specialised),
}


def _builders(settings: Settings) -> dict[str, Builder]:
    """What builds each step, in order."""
    generate = {name: partial(_generate, name) for name in writers(settings)}
    score = {step_of("score", one): partial(_score, one) for one in teachers(settings)}
    rank = {
        step_of("teacher_run", one): partial(comparing.teacher_run, one)
        for one in comparing.ranking_teachers(settings)
    }
    return (
        _UP_TO_QUERIES
        | generate
        | {"retrieve": _retrieve}
        | score
        | _FROM_SCORES
        | rank
        | {"evaluate": comparing.evaluate}
    )

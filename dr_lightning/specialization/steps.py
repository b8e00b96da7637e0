"""The steps of `specialize`: each a command, its options, what it reads and makes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from dr_lightning.models.weights import PACKAGE
from dr_lightning.specialization.layout import Layout
from dr_lightning.specialization.options import Settings

DEPTH = 1000
"""Passages of the runs that are compared: what `evaluate` itself would search for."""
DEFAULT_FIT = Path(str(files("dr_lightning.specialization") / "fit.yaml"))


@dataclass(frozen=True)
class Step:
    """One command.

    Args:
        name: What the user calls it.
        command: A stage or a verb.
        options: What its YAML holds.
        reads: The files it reads.
        products: What has to be there afterwards.
        shared: Whether all students use the result.
        extra: Options on the command line that change nothing of the result.
        base: A config that is read before.
    """

    name: str
    command: str
    options: Mapping[str, Any]
    reads: tuple[Path, ...]
    products: tuple[Path, ...]
    shared: bool = False
    extra: tuple[str, ...] = ()
    base: Path | None = None


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
    test = settings["test"]
    asked = test is not None and test["teacher_depth"] > 0
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
        options=settings["generate"] | asked | _texts(files),
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
        options=settings["retrieve"] | _reading(settings) | asked | _texts(files) | out,
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
        options=settings["score"] | asked | depth | _texts(files) | out,
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
        options=settings["curate"] | _texts(files) | {"out": str(layout.lists)},
        reads=tuple(files.values()),
        products=tuple(layout.lists / f"{name}.parquet" for name in made),
    )


def _fit(settings: Settings, layout: Layout) -> Step:
    queries, qrels = layout.judged(tested=False)
    corpus = layout.training_corpus
    lists = {part: layout.lists / f"{part}.parquet" for part in ("train", "dev")}
    files = {"corpus": corpus, "queries": queries, "qrels": qrels}
    dev = {"name": "dev", **_texts(files)}
    data = {
        "corpus": str(corpus),
        "lists": _texts(lists),
        "collections": {"validation": [dev], "test": []},
        "reading": _reading(settings),
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


def _run_of(
    who: str, encoder: Callable[[Settings, Layout], Any]
) -> Callable[[Settings, Layout], Step]:
    """Builds the step that searches for the judged queries with an encoder."""

    def build_run(settings: Settings, layout: Layout) -> Step:
        queries, _ = layout.judged(settings["test"] is not None)
        files = {"corpus": layout.corpus, "queries": queries}
        kept = ("encoding", "search", "part_passages")
        shaping = {name: settings["retrieve"][name] for name in kept}
        asked = {"encoder": encoder(settings, layout), "depth": DEPTH}
        out = layout.evaluation / f"{who}.parquet"
        written = {"source_depth": None, "out": str(out)}
        options = shaping | _reading(settings) | asked | _texts(files) | written
        model = (layout.model,) if who == "specialised" else ()
        return Step(
            name=f"{who}_run",
            command="retrieve",
            options=options,
            reads=(*files.values(), *model),
            products=(out,),
        )

    return build_run


def _teacher_run(settings: Settings, layout: Layout) -> Step:
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
        options=asked | depth | _texts(files) | {"out": str(out)},
        reads=tuple(files.values()),
        products=(out,),
    )


def _evaluate(settings: Settings, layout: Layout) -> Step:
    tested = settings["test"] is not None
    queries, qrels = layout.judged(tested)
    files = {"corpus": layout.corpus, "queries": queries, "qrels": qrels}
    systems = ["base", "specialised"]
    systems += ["teacher"] if "teacher_run" in names(settings) else []
    runs = {name: layout.evaluation / f"{name}.parquet" for name in systems}
    out = layout.evaluation / "comparison"
    title = "test queries" if tested else "synthetic dev queries"
    options = {
        "collection": {"name": title, **_texts(files)},
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


def _texts(files: Mapping[str, Path]) -> dict[str, str]:
    return {name: str(path) for name, path in files.items()}


def _reading(settings: Settings) -> dict[str, Any]:
    return {"template": settings["template"], "cache": settings["cache"]}


def _student(settings: Settings, layout: Layout) -> Any:
    return settings["student"]


def _specialised(settings: Settings, layout: Layout) -> dict[str, Any]:
    return {"class_path": "Encoder", "init_args": {"backbone": str(layout.model)}}


_BUILDERS: dict[str, Callable[[Settings, Layout], Step]] = {
    "ingest": _ingest,
    "deduplicate": _deduplicate,
    "generate": _generate,
    "retrieve": _retrieve,
    "score": _score,
    "curate": _curate,
    "fit": _fit,
    "base_run": _run_of("base", _student),
    "specialised_run": _run_of("specialised", _specialised),
    "teacher_run": _teacher_run,
    "evaluate": _evaluate,
}

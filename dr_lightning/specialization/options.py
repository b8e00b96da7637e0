"""What a user writes for `specialize`: five facts, and options of the single stages."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from dr_lightning.generation.engine import Engine
from dr_lightning.generation.writer import check_writer
from dr_lightning.metrics.retrieval import parse_measures
from dr_lightning.models.encoder import Encoder
from dr_lightning.models.teachers import Teacher
from dr_lightning.texts import PASSAGE_TEMPLATE

Settings = dict[str, Any]
"""What the parser read, as JSON can hold it; classes as class_path and init_args."""

STAGE_OPTIONS = {
    "ingest": {"fields", "max_characters"},
    "deduplicate": {"held_out", "sample", "seed", "rules"},
    "generate": {
        "types",
        "per_type",
        "shots",
        "example_sets",
        "seed",
        "template",
        "part_queries",
        "cleaning",
    },
    "retrieve": {"bm25", "source_depth", "encoding", "search", "part_passages"},
    "score": {"part_queries", "fail_fast"},
    "curate": {"rules", "dev_share", "seed"},
    "evaluate": {"measures"},
}
"""Options of each stage that are the user's; the rest follow from the five facts."""


@dataclass(frozen=True)
class Budget:
    """How much work a run may be.

    Args:
        queries: Queries that are asked of `llm`, over all types; every passage gets
            one before any gets a second.
        candidates: Passages a query that the teacher looks at; 100 in arXiv 2502.19712.
        epochs: Passes over the training lists, at most.
    """

    queries: int = 6000
    candidates: int = 100
    epochs: int = 3

    def __post_init__(self) -> None:
        """Checks the numbers."""
        for name, value in vars(self).items():
            if value < 1:
                msg = f"budget.{name} must be at least 1, but got {value}."
                raise ValueError(msg)


@dataclass(frozen=True)
class Writer:
    """A further writer of queries, beside `llm`.

    Other options of `generate` are those of the run.

    Args:
        llm: What writes the queries.
        queries: Queries that are asked of it.
        types: Its query types; null = all that the engine brings.
        per_type: Queries for each passage and type.
    """

    llm: Engine
    queries: int = 6000
    types: list[str] | None = None
    per_type: int = 1


@dataclass(frozen=True)
class TestSet:
    """Queries with judgements that only `evaluate` reads.

    Args:
        split: The split of the corpus's own queries, such as "test" of a folder in BEIR
            layout; null where `queries` are given.
        queries: A file of queries.
        qrels: A file of their judgements.
        teacher_depth: How many of the base's first passages the teacher re-ranks: what
            it reaches bounds the student; 0 = not asked.
    """

    __test__ = False  # no test of pytest's

    split: str | None = None
    queries: Path | None = None
    qrels: Path | None = None
    teacher_depth: int = 20

    def __post_init__(self) -> None:
        """Checks that it names queries and qrels in one of the two ways."""
        given = [self.split, self.queries, self.qrels]
        if [one is None for one in given] not in (
            [False, True, True],
            [True, False, False],
        ):
            msg = (
                "test needs either split, or queries and qrels, but got "
                f"split={self.split}, queries={self.queries}, qrels={self.qrels}."
            )
            raise ValueError(msg)


@dataclass(frozen=True)
class Specialize:
    """Turn a corpus into a retriever that is better on it.

    Runs ingest, deduplicate, generate, retrieve, score, curate, fit, evaluate and a
    report, each as a command of its own with a YAML in WORK/steps that repeats it by
    hand. The same command started again skips what is finished and goes on where it
    stopped; a changed setting or input reruns its stage and what follows from it.

    The folder may serve several students, one after the other: they share the queries
    and, pair by pair, the teacher's scores.

    Args:
        corpus: What `ingest` reads: a file of passages, a folder in BEIR layout, a
            Hugging Face data set, or an ir_datasets id.
        work: The folder of everything that is made.
        student: The model to specialise.
        teacher: The model that judges candidates.
        more_teachers: Further teachers by name, such as `{bm25: BM25Score}`: each
            scores all candidates, without fail-fast, and `curate` averages them.
        llm: What writes the queries; `Extractive` needs no model.
        more_queries: Further writers by name, such as `{rules: {llm: Extractive}}`
            beside a chat model. Their queries go on together with those of `llm`; a
            name stands ahead of its query types.
        budget: How much of it.
        test: Queries with judgements; null = the report tells of the synthetic dev
            queries alone, and says so.
        fit: A config of `fit` in place of the default one; its encoder, data and logger
            are replaced.
        name: Of the student's folder in WORK; null = the name of its model.
        template: Joins title and text of a passage, in every stage but `generate`.
        cache: Folder of token stores; null = the user's cache folder.
        until: The last step to run.
        plan: Only tell what would be done and what it would cost here.
    """

    corpus: str
    work: Path
    student: Encoder
    teacher: Teacher
    llm: Engine
    more_teachers: dict[str, Teacher] | None = None
    more_queries: dict[str, Writer] | None = None
    budget: Budget | None = None
    test: TestSet | None = None
    fit: Path | None = None
    name: str | None = None
    template: str = PASSAGE_TEMPLATE
    cache: Path | None = None
    until: str | None = None
    plan: bool = False


def parser() -> ArgumentParser:
    """The parser of the command; nothing is instantiated, so no model is loaded."""
    made = ArgumentParser(
        prog="dr_lightning specialize",
        description=(Specialize.__doc__ or "").split("\n\n    Args:")[0],
    )
    made.add_argument("--config", action="config", help="A YAML file of options.")
    made.add_argument(
        "--from", dest="start", type=str, help="The first step to run anew."
    )
    _import_classes()
    made.add_class_arguments(Specialize, as_group=False, sub_configs=True)
    made.set_defaults(llm={"class_path": "Extractive"})
    for stage, options in STAGE_OPTIONS.items():
        function = getattr(import_module(f"dr_lightning.stages.{stage}"), stage)
        parameters = set(function.__annotations__) - {"return"}
        made.add_function_arguments(
            function,
            stage,
            as_positional=False,
            skip={*(parameters - options)},
            sub_configs=True,
        )
    return made


def read(args: Sequence[str]) -> Settings:
    """Parses options and checks what the parser cannot.

    Args:
        args: Options of the command line.

    Raises:
        ValueError: If options do not fit together.
    """
    made = parser()
    settings: Settings = json.loads(
        made.dump(made.parse_args(list(args)), format="json", skip_none=False)
    )
    settings.pop("config", None)
    settings["budget"] = vars(Budget(**(settings["budget"] or {})))
    if settings["test"] is not None:
        settings["test"] = json.loads(
            json.dumps(vars(TestSet(**settings["test"])), default=str)
        )
    _check_writers(settings)
    for name in settings["more_teachers"] or {}:
        check_writer(name, "teacher")
    _check_depth(settings)
    if measures := settings["evaluate"]["measures"]:
        parse_measures(measures)
    return settings


def reading(settings: Settings) -> dict[str, Any]:
    """Options of every step that reads texts.

    Args:
        settings: What `read` gave.
    """
    return {"template": settings["template"], "cache": settings["cache"]}


def _import_classes() -> None:
    """Lets YAML name engines, teachers and searches without a module path."""
    for module in ("generation.engines", "models.teachers", "search"):
        import_module(f"dr_lightning.{module}")


def _check_writers(settings: Settings) -> None:
    for name, own in (settings["more_queries"] or {}).items():
        check_writer(name)
        for option in ("queries", "per_type"):
            if own[option] < 1:
                msg = (
                    f"more_queries.{name}.{option} must be at least 1, but got "
                    f"{own[option]}."
                )
                raise ValueError(msg)


def _check_depth(settings: Settings) -> None:
    least = settings["curate"]["rules"]["min_candidates"]
    depth = settings["budget"]["candidates"]
    if depth < least:
        msg = (
            f"budget.candidates is {depth}, but curate.rules.min_candidates asks for "
            f"{least}: no query would be left. Raise the first or lower the second."
        )
        raise ValueError(msg)

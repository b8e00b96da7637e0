"""What each kind of work costs on this machine, measured on a few passages."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from dr_lightning import artefacts, schemas
from dr_lightning.data.collections import load_corpus
from dr_lightning.retrieval import Encoding, Retriever
from dr_lightning.specialization.layout import Layout
from dr_lightning.specialization.loading import load_student
from dr_lightning.specialization.options import Settings
from dr_lightning.specialization.steps import build, layout_of
from dr_lightning.specialization.teachers import step_of, teachers
from dr_lightning.specialization.writers import writers
from dr_lightning.steps import commands

PASSAGES = 64
"""Passages of the probe: little work, but lengths of all kinds."""
QUERIES = 16
"""Of each writer: a batch."""
CANDIDATES = 8


@dataclass(frozen=True)
class WriterRates:
    """What a query of one writer takes.

    Args:
        types: Query types.
        tokens_read: Tokens that the engine reads for a query; 0 of a rule.
        tokens_written: Tokens that it writes for a query.
        query_seconds: Seconds a query, the engine's start left out.
    """

    types: int
    tokens_read: float
    tokens_written: float
    query_seconds: float

    @classmethod
    def of(cls, queries: Path, types: list[str] | None) -> "WriterRates":
        """Those that a manifest of `generate` tells.

        Args:
            queries: The written queries.
            types: The query types that were asked for; null = all of the engine's.
        """
        written = artefacts.read_manifest(queries)
        asked = max(written["counts"]["asked"], 1)
        taken = ("prompt_tokens", "tokens", "engine_seconds")
        rates = (written["extra"][name] / asked for name in taken)
        return cls(len(types or written["settings"]["types"]), *rates)


@dataclass(frozen=True)
class Rates:
    """Costs on this machine.

    Args:
        passages: Passages of the corpus.
        unique: Those that queries may be written for.
        test_queries: Queries of the test set; 0 without one.
        writers: What a query takes, by the writer's step.
        encode_seconds: Seconds the student takes for a passage.
        pair_seconds: Seconds each teacher takes for a pair, by its name.
    """

    passages: int
    unique: int
    test_queries: int
    writers: Mapping[str, WriterRates]
    encode_seconds: float
    pair_seconds: Mapping[str | None, float]


def probe(settings: Settings, folder: Path) -> Rates:
    """Reads the corpus, and runs the costly stages on a few passages of it.

    Args:
        settings: What `options.read` gave.
        folder: An empty folder; all that is made goes there.

    Raises:
        ValueError: If a step fails, for the reason it would have in earnest.
    """
    whole = settings | {"work": str(folder / "whole"), "cache": str(folder / "cache")}
    for name in ("ingest", "deduplicate"):
        _run(name, whole)
    corpus = layout_of(whole).corpus
    unique = artefacts.read_manifest(layout_of(whole).dropped)["counts"]["written"]
    few = _few(whole, _sample(corpus, folder), folder)
    writing = writers(settings)
    scoring = {one: step_of("score", one) for one in teachers(settings)}
    for name in ("ingest", "deduplicate", *writing, "retrieve", *scoring.values()):
        _run(name, few)
    made = layout_of(few)
    written = zip(writing.items(), made.queries, strict=True)
    return Rates(
        passages=_rows(corpus, schemas.CORPUS),
        unique=int(unique),
        test_queries=_test_queries(whole),
        writers={name: WriterRates.of(p, own["types"]) for (name, own), p in written},
        encode_seconds=_encode_seconds(settings, made, folder),
        pair_seconds={one: _pair_seconds(made.scores_of(one)) for one in scoring},
    )


def _few(settings: Settings, corpus: Path, folder: Path) -> Settings:
    """The same run on a few passages, with nothing given up: all is to be timed."""
    least = {"queries": QUERIES, "candidates": CANDIDATES}
    # A part in earnest is of one type, whose prompts begin alike: so is this batch.
    sets = settings["generate"]["example_sets"] and 1
    more = settings["more_queries"] or {}
    return settings | {
        "generate": _one_type(settings["generate"]) | {"example_sets": sets},
        "more_queries": {
            name: _one_type(own) | {"queries": QUERIES} for name, own in more.items()
        },
        "work": str(folder / "few"),
        "corpus": str(corpus),
        "test": None,
        "budget": settings["budget"] | least,
        "deduplicate": settings["deduplicate"] | {"held_out": None},
        "retrieve": settings["retrieve"] | {"source_depth": None},
        "score": settings["score"] | {"fail_fast": False},
    }


def _one_type(options: Settings) -> Settings:
    types = options["types"]
    return options | {"types": types and types[:1]}


def _rows(path: Path, schema: schemas.Schema) -> int:
    return int(artefacts.scan(path, schema).select(pl.len()).collect().item())


def _test_queries(settings: Settings) -> int:
    if settings["test"] is None:
        return 0
    queries, _ = layout_of(settings).judged(tested=True)
    return _rows(queries, schemas.QUERIES)


def _sample(corpus: Path, folder: Path) -> Path:
    rows = artefacts.read(corpus, schemas.CORPUS)
    some = rows.sample(min(PASSAGES, len(rows)), seed=13)
    path = folder / "sample.parquet"
    manifest = artefacts.Manifest(stage="plan")
    artefacts.write(some, path, schemas.CORPUS, manifest)
    return path


def _run(name: str, settings: Settings) -> None:
    step = build(name, settings)
    config = commands.write_yaml(step, layout_of(settings).steps(step.shared))
    commands.run(step, config, quiet=True)


def _pair_seconds(scores: Path) -> float:
    return 1 / float(artefacts.read_manifest(scores)["extra"]["pairs_per_second"])


def _encode_seconds(settings: Settings, made: Layout, folder: Path) -> float:
    encoding = Encoding(**settings["retrieve"]["encoding"] or {})
    retriever = Retriever(load_student(settings), encoding)
    tokenization = retriever.encoder.tokenization
    ids, passages = load_corpus(made.corpus, tokenization, cache=folder / "cache")
    started = time.perf_counter()
    retriever.index(passages)
    return (time.perf_counter() - started) / len(ids)

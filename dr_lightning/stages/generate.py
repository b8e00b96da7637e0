"""The stage that writes queries for passages: by a language model, or by rule."""

import logging
import time
from dataclasses import asdict
from pathlib import Path

import polars as pl

from dr_lightning import artefacts, schemas
from dr_lightning.generation.drops import DEFAULT_CLEANING, CleaningRules
from dr_lightning.generation.engine import Engine

# The classes are imported so that their bare names work on the command line.
from dr_lightning.generation.engines import Extractive, Fake, HuggingFace  # noqa: F401
from dr_lightning.generation.prompts import make_prompts
from dr_lightning.generation.removal import without_pieces
from dr_lightning.generation.requests import Amounts
from dr_lightning.generation.summary import by_type, drop_counts, rates, told
from dr_lightning.generation.work import Work, make_work
from dr_lightning.generation.writer import check_writer, with_writer
from dr_lightning.generation.writing import write_parts
from dr_lightning.parts import Parts, Shard, settings_key
from dr_lightning.texts import check_template

logger = logging.getLogger(__name__)

ANSWERS = "_answers.parquet"
"""Behind the name of `out`: what engines answered."""

TEMPLATE = "{text}"
"""What an engine reads: the text alone, as in arXiv 2502.19712."""


def generate(
    corpus: Path,
    out: Path,
    engine: Engine | None = None,
    dropped: Path | None = None,
    types: list[str] | None = None,
    passages: int | None = None,
    types_per_passage: int | None = None,
    per_type: int = 1,
    queries: int | None = None,
    shots: int | None = None,
    example_sets: int | None = None,
    seed: int = 13,
    template: str = TEMPLATE,
    cleaning: CleaningRules = DEFAULT_CLEANING,
    writer: str | None = None,
    part_queries: int = 256,
    shard: str = "1/1",
    overwrite: bool = False,
) -> None:
    """Write queries for passages.

    What a prompt says and what seed its answer is drawn with follow from the seed, the
    passage's id and the query type alone, not from order, shards or restarts.

    Finished parts are kept beside `out`, in a folder that ends in `.parts`; the same
    command started again goes on where it stopped. Several workers share the work with
    `shard` 1/4, 2/4 and so on: they write parts only. Once they are done, the same
    command without `shard` writes what is missing, joins all parts and deletes them.

    Answers are kept as the engine gave them, in OUT_answers.parquet: the same command
    with another `cleaning` asks nothing again.

    Queries that are a sentence to be taken out of its passage (`cloze` of Extractive)
    bring a second file, OUT_corpus.parquet: the corpus without these sentences. Train
    with it; evaluate on the original.

    Args:
        corpus: Passages to write for.
        out: Queries to write, a parquet file.
        dropped: What `deduplicate` dropped: nothing is written for these passages.
        engine: What writes; null = Extractive, which needs no model.
        types: Query types: names, or paths of YAML files of your own; null = all that
            the engine brings.
        passages: How many passages to draw; a larger number keeps those of a smaller
            one. Null = all.
        types_per_passage: How many of the types to draw for each passage; null = all.
        per_type: Queries for each passage and type.
        queries: How many to ask for in all; every passage gets one before any gets a
            second. Null = no bound.
        shots: Examples a prompt; null = as each type says: 3, and 0 for `search`.
        example_sets: Null = each prompt draws its own examples. N = it takes one of N
            sets a type: an engine then computes each set once, which is much faster
            where prompts are what costs.
        seed: Of all draws.
        template: Joins title and text of a passage, as the engine reads it.
        cleaning: Which answers are dropped.
        writer: A name, where several engines write for one corpus: it stands ahead of
            query ids and types, so that `claim` of two engines is told apart and their
            files may be used together. Null = ids and types as they are.
        part_queries: Queries a part: what a stop loses at most, and what batches are
            formed from.
        shard: Which worker of how many, such as 2/4.
        overwrite: Replace what is there.

    Raises:
        ValueError: If an option is out of its range, a query type is unknown, the
            corpus is empty, or an output exists and `overwrite` is false.
    """
    started = time.monotonic()
    worker = Shard.parse(shard)
    check_template(template)
    check_writer(writer)
    _check_out(out, corpus, overwrite)
    engine = Extractive() if engine is None else engine
    amounts = Amounts(passages, types_per_passage, per_type, queries, seed)
    names, prompts = make_prompts(engine, types, shots, seed, example_sets)
    source = artefacts.scan(corpus, schemas.CORPUS)
    gone = None if dropped is None else artefacts.scan(dropped, schemas.DROPPED)
    work = make_work(source, gone, template, names, amounts, prompts, engine)
    if work.tasks.is_empty():
        msg = f"{corpus}: has no passages to write for. Give another corpus."
        raise ValueError(msg)
    settings = asdict(amounts) | {
        "types": {name: prompts.fingerprint(name) for name in names},
        "shots": shots,
        "example_sets": example_sets,
        "template": template,
    }
    inputs = {"corpus": corpus} | ({} if dropped is None else {"dropped": dropped})
    prints = {name: artefacts.fingerprint(path) for name, path in inputs.items()}
    key = settings_key(settings | prints | {"engine": engine.fingerprint})
    parts = Parts(_beside(out, ".parts"), key, len(work.tasks), part_queries)
    _check_companion(out, parts, overwrite)
    answers = parts.joined(_beside(out, ANSWERS))
    if answers is None:
        write_parts(work, parts, worker, cleaning)
        if worker.of > 1:
            left = len(parts.todo(Shard()))
            logger.info("generate: worker %s is done, %d parts are left", worker, left)
            return
        answers = parts.join(_beside(out, ANSWERS))
    else:
        logger.info("generate: takes the answers of %s", _beside(out, ANSWERS))
    found = with_writer(work.cleaned(answers.rows, cleaning), writer)
    found, taken_out = without_pieces(source, found)
    manifest = artefacts.Manifest(
        stage="generate",
        settings=settings | {"writer": writer} | _told_settings(engine, cleaning),
        inputs=inputs,
        counts=_counts(work, found),
        dropped=drop_counts(found),
        extra={"engine_fingerprint": engine.fingerprint}
        | rates(found, answers.amounts)
        | {"types": by_type(found)},
        started=started,
    )
    _write(found, taken_out, out, manifest, overwrite)
    parts.remove()
    _log(manifest, out, taken_out is not None)


def _check_out(out: Path, corpus: Path, overwrite: bool) -> None:
    if out.suffix != ".parquet":
        msg = f"out must be a file that ends in .parquet, but got {str(out)!r}."
        raise ValueError(msg)
    for path in (out, _beside(out, "_corpus.parquet")):
        if path.resolve() == corpus.resolve():
            msg = f"{path} would replace the corpus that is read. Rename out, {out}."
            raise ValueError(msg)
    artefacts.refuse_existing(out, overwrite)


def _beside(out: Path, ending: str) -> Path:
    return out.with_name(f"{out.stem}{ending}")


def _check_companion(out: Path, parts: Parts, overwrite: bool) -> None:
    """A corpus beside `out` that a stopped run left, which has parts, is replaced."""
    if len(parts.todo(Shard())) == len(parts.ranges()):
        artefacts.refuse_existing(_beside(out, "_corpus.parquet"), overwrite)


def _told_settings(engine: Engine, cleaning: CleaningRules) -> dict[str, object]:
    """Settings that the key of the parts does not need, or has as a fingerprint."""
    told_engine = {"class": type(engine).__name__} | dict(engine.settings)
    return {"engine": told_engine, "cleaning": asdict(cleaning)}


def _counts(work: Work, found: pl.DataFrame) -> dict[str, int]:
    return {
        "passages": len(work.passages),
        "asked": len(found),
        "written": found["reason"].null_count(),
    }


def _write(
    found: pl.DataFrame,
    taken_out: pl.LazyFrame | None,
    out: Path,
    manifest: artefacts.Manifest,
    overwrite: bool,
) -> None:
    """The queries come last: once they are there, the stage is done."""
    beside = _beside(out, "_corpus.parquet")
    if taken_out is not None:
        # What stands there is a stopped run's, or may be replaced.
        artefacts.write(taken_out, beside, schemas.CORPUS, manifest, overwrite=True)
    elif artefacts.read_manifest(beside).get("stage") == "generate":
        # Of the run whose queries are replaced: it does not belong to the new ones.
        beside.unlink(missing_ok=True)
        artefacts.manifest_path(beside).unlink(missing_ok=True)
    queries = found.filter(pl.col("reason").is_null()).select(
        "query_id",
        text="query",
        query_type="query_type",
        source_passage_id="passage_id",
    )
    artefacts.write(queries, out, schemas.QUERIES, manifest, overwrite)


def _log(manifest: artefacts.Manifest, out: Path, taken_out: bool) -> None:
    counts = manifest.counts
    beside = _beside(out, "_corpus.parquet")
    note = f"; train with {beside}: sentences are taken out" if taken_out else ""
    logger.info(
        "generate: %s passages, %s queries asked -> %s in %s (dropped: %s)%s",
        f"{counts['passages']:,}",
        f"{counts['asked']:,}",
        f"{counts['written']:,}",
        out,
        told(manifest.dropped),
        note,
    )

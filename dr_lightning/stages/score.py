"""The stage that has a teacher judge the candidates of each query."""

import logging
import time
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from dr_lightning import artefacts, schemas

# The class is imported so that its bare name works on the command line.
from dr_lightning.models.teachers import SequenceClassifier, Teacher  # noqa: F401
from dr_lightning.parts import Parts, Shard, settings_key
from dr_lightning.scoring.lists import (
    CandidateLists,
    candidate_lists,
    count_pairs,
    relevant_ids,
)
from dr_lightning.scoring.pairs import score_lists
from dr_lightning.scoring.quality import MEASURE, compare_rankings
from dr_lightning.texts import PASSAGE_TEMPLATE, check_template

logger = logging.getLogger(__name__)


def score(
    candidates: Path,
    queries: Path,
    corpus: Path,
    out: Path,
    teacher: Teacher,
    qrels: Path | None = None,
    add_relevant: bool = False,
    depth: int = 100,
    template: str = PASSAGE_TEMPLATE,
    part_queries: int = 32,
    shard: str = "1/1",
    overwrite: bool = False,
) -> None:
    """Score candidates with a teacher.

    Finished parts are kept beside `out`, in a folder that ends in `.parts`; the same
    command started again goes on where it stopped. Several workers share the work with
    `shard` 1/4, 2/4 and so on: they write parts only. Once they are done, the same
    command without `shard` scores what is missing, joins all parts and deletes them.

    Args:
        candidates: A run, such as the student's; the best `depth` are scored.
        queries: Queries with their texts.
        corpus: Passages with their texts.
        out: Teacher scores to write, a parquet file.
        teacher: The model that scores.
        qrels: Judgements; if given, nDCG@10 of the teacher's order and of the
            candidates' is logged and stored in the manifest.
        add_relevant: Also score relevant passages of `qrels` that are not among the
            candidates: for human training queries. Not with the qrels of a test: the
            scores would then put passages into a ranking that no retriever found.
        depth: Candidates a query, at least 1. 100, as in arXiv 2502.19712.
        template: Joins title and text of a passage.
        part_queries: Queries a part: what a stop loses at most, and what shares
            micro-batches.
        shard: Which worker of how many, such as 2/4.
        overwrite: Replace what is there.

    Raises:
        ValueError: If the options do not fit together, `out` exists and `overwrite` is
            false, or nothing is left to score.
    """
    started = time.monotonic()
    worker = Shard.parse(shard)
    check_template(template)
    _check_options(out, depth, add_relevant, qrels, overwrite)
    run = artefacts.read(candidates, schemas.RUN).with_columns(
        pl.col("passage_id", "score").list.head(depth)
    )
    asked = artefacts.read(queries, schemas.QUERIES)
    judged = None if qrels is None else artefacts.read(qrels, schemas.QRELS)
    added = relevant_ids(judged) if judged is not None and add_relevant else None
    work = candidate_lists(run, asked, corpus, template, added)
    inputs = {"candidates": candidates, "queries": queries, "corpus": corpus}
    inputs |= {} if qrels is None else {"qrels": qrels}
    _check_any_left(work, inputs)
    settings = {"depth": depth, "template": template, "add_relevant": add_relevant}
    key = _key(settings, inputs, teacher)
    folder = out.with_name(f"{out.stem}.parts")
    parts = Parts(folder, key, len(work.lists), part_queries)
    _score_parts(teacher, work, parts, worker)
    if worker.of > 1:
        left = len(parts.todo(Shard()))
        logger.info("score: worker %s is done, %d parts are left", worker, left)
        return
    scores = parts.read()
    quality = {} if judged is None else compare_rankings(run, scores, judged)
    manifest = artefacts.Manifest(
        stage="score",
        settings=settings | {"teacher": dict(teacher.settings)},
        inputs=inputs,
        counts={"queries": len(scores), "pairs": work.pairs},
        dropped=work.dropped,
        extra=_extra(teacher, parts, quality),
        started=started,
    )
    artefacts.write(scores, out, schemas.TEACHER_SCORES, manifest, overwrite=overwrite)
    parts.remove()
    _log(work, quality, out)


def _check_options(
    out: Path, depth: int, add_relevant: bool, qrels: Path | None, overwrite: bool
) -> None:
    if depth < 1:
        msg = f"depth must be at least 1, but got {depth}. The paper scores 100."
        raise ValueError(msg)
    if add_relevant and qrels is None:
        msg = "add_relevant takes the relevant passages from qrels; give qrels too."
        raise ValueError(msg)
    if out.suffix != ".parquet":
        msg = f"out must be a file that ends in .parquet, but got {str(out)!r}."
        raise ValueError(msg)
    artefacts.refuse_existing(out, overwrite)


def _check_any_left(work: CandidateLists, inputs: dict[str, Path]) -> None:
    if work.lists.is_empty():
        reasons = ", ".join(f"{n} x {why}" for why, n in work.dropped.items() if n)
        msg = (
            f"nothing to score in {inputs['candidates']} ({reasons or 'it is empty'}). "
            f"Give the queries and the corpus that it was made from; got "
            f"{inputs['queries']} and {inputs['corpus']}."
        )
        raise ValueError(msg)


def _key(settings: dict[str, object], inputs: dict[str, Path], teacher: Teacher) -> str:
    # Qrels shape the scores only where their passages are added.
    shaping = {
        name: artefacts.fingerprint(path)
        for name, path in inputs.items()
        if name != "qrels" or settings["add_relevant"]
    }
    return settings_key(settings | shaping | {"teacher": teacher.fingerprint})


def _score_parts(
    teacher: Teacher, work: CandidateLists, parts: Parts, worker: Shard
) -> None:
    todo = parts.todo(worker)
    if others := parts.others():
        logger.info("%s: %d parts of other settings are not used", parts.folder, others)
    slices = {rows: work.lists[rows.start : rows.stop] for rows in todo}
    total = sum(count_pairs(part) for part in slices.values())
    done = len(parts.ranges()[worker.index - 1 :: worker.of]) - len(todo)
    logger.info("score: %d pairs to score, %d parts done before", total, done)
    columns = (
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} pairs"),
        TextColumn("{task.fields[rate]:,.0f} a second, left"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("score", total=total, rate=0.0)
        for rows, part in slices.items():
            start = time.perf_counter()
            scored, pairs = score_lists(teacher, part, work.passages)
            seconds = time.perf_counter() - start
            parts.write(rows, scored, {"pairs": pairs, "seconds": seconds})
            advance = count_pairs(part)
            progress.update(task, advance=advance, rate=pairs / seconds)


def _extra(
    teacher: Teacher, parts: Parts, quality: dict[str, float]
) -> dict[str, object]:
    amounts = parts.amounts()
    return {
        "teacher_fingerprint": teacher.fingerprint,
        "distinct_pairs": int(amounts["pairs"]),
        "teacher_seconds": round(amounts["seconds"], 3),
        "pairs_per_second": round(amounts["pairs"] / amounts["seconds"], 2),
    } | ({MEASURE: quality} if quality else {})


def _log(work: CandidateLists, quality: dict[str, float], out: Path) -> None:
    if quality:
        logger.info(
            "score: %s over %d queries: candidates %.4f, teacher %.4f",
            MEASURE,
            quality["queries"],
            quality["candidates"],
            quality["teacher"],
        )
    dropped = ", ".join(f"{n:,} {why}" for why, n in work.dropped.items())
    logger.info(
        "score: %s queries, %s pairs -> %s (dropped: %s)",
        f"{len(work.lists):,}",
        f"{work.pairs:,}",
        out,
        dropped,
    )

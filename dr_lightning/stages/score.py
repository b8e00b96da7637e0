"""The stage that has a teacher judge the candidates of each query."""

import logging
import time
from pathlib import Path

import polars as pl

from dr_lightning import artefacts, schemas

# Imported with all teachers, so that their bare names work on the command line.
from dr_lightning.candidates.bm25_score import BM25Score as BM25Score
from dr_lightning.inputs import as_list, named, read_queries, read_run
from dr_lightning.models.teachers import ReadsCorpus, Teacher
from dr_lightning.parts import Parts, Shard, settings_key
from dr_lightning.scoring.lists import CandidateLists, candidate_lists, relevant_ids
from dr_lightning.scoring.quality import MEASURE, compare_rankings, without_sources
from dr_lightning.scoring.reuse import read_known
from dr_lightning.scoring.work import count_work, score_parts
from dr_lightning.texts import PASSAGE_TEMPLATE, check_template

logger = logging.getLogger(__name__)


def score(
    candidates: Path,
    queries: list[Path] | Path,
    corpus: Path,
    out: Path,
    teacher: Teacher,
    qrels: Path | None = None,
    add_relevant: bool = False,
    depth: int = 100,
    template: str = PASSAGE_TEMPLATE,
    fail_fast: bool = True,
    reuse: list[Path] | Path | None = None,
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
        candidates: A run, such as the student's, or the scores of another teacher,
            whose pairs this one scores too; the best `depth` are scored.
        queries: Queries with their texts; several files are joined.
        corpus: Passages with their texts.
        out: Teacher scores to write, a parquet file.
        teacher: The model that scores.
        qrels: Judgements; if given, nDCG@10 of the teacher's order and of the
            candidates' is logged and stored in the manifest; with `fail_fast` over
            queries without a source passage alone.
        add_relevant: Also score relevant passages of `qrels` that are not among the
            candidates: for human training queries. Not with the qrels of a test: the
            scores would then put passages into a ranking that no retriever found.
        depth: Candidates a query, at least 1. 100, as in arXiv 2502.19712.
        template: Joins title and text of a passage.
        fail_fast: Score the source passage and a few candidates first, and give a
            query up once one of them scores strictly higher: `curate` drops it anyway,
            and makes the same lists. Queries without a source passage are scored in
            full. Set it to false to average several teachers.
        reuse: Earlier teacher scores, such as those of another student's candidates:
            pairs found in them are not scored again. They must come from the same
            teacher, queries, corpus and template.
        part_queries: Queries a part: what a stop loses at most, and what shares
            micro-batches.
        shard: Which worker of how many, such as 2/4.
        overwrite: Replace what is there.

    Raises:
        ValueError: If the options do not fit together, `out` exists and `overwrite` is
            false, nothing is left to score, or a file cannot be reused.
    """
    started = time.monotonic()
    worker = Shard.parse(shard)
    check_template(template)
    _check_options(out, depth, add_relevant, qrels, overwrite)
    run = read_run(candidates).with_columns(
        pl.col("passage_id", "score").list.head(depth)
    )
    asked = read_queries(as_list(queries))
    judged = None if qrels is None else artefacts.read(qrels, schemas.QRELS)
    added = relevant_ids(judged) if judged is not None and add_relevant else None
    work = candidate_lists(run, asked, corpus, template, added)
    inputs = {"candidates": candidates} | named("queries", as_list(queries))
    inputs |= {"corpus": corpus}
    _check_any_left(work, inputs)
    earlier = as_list(reuse)
    inputs |= _further_inputs(qrels, earlier)
    settings = {
        "depth": depth,
        "template": template,
        "add_relevant": add_relevant,
        "fail_fast": fail_fast,
    }
    shaping = settings | _fingerprints(inputs, add_relevant)
    known = read_known(earlier, teacher.fingerprint, shaping)
    key = settings_key(shaping | {"teacher": teacher.fingerprint})
    if isinstance(teacher, ReadsCorpus):
        teacher.read_corpus(corpus, template)
    parts = Parts(
        out.with_name(f"{out.stem}.parts"), key, len(work.lists), part_queries
    )
    score_parts(teacher, work, parts, worker, fail_fast, known)
    if worker.of > 1:
        left = len(parts.todo(Shard()))
        logger.info("score: worker %s is done, %d parts are left", worker, left)
        return
    order = run.select("query_id")
    scores = order.join(parts.read(), on="query_id", maintain_order="left")
    fair = without_sources(scores, asked) if fail_fast and qrels else scores
    quality = {} if judged is None else compare_rankings(run, fair, judged)
    manifest = artefacts.Manifest(
        stage="score",
        settings=settings | {"teacher": dict(teacher.settings)},
        inputs=inputs,
        counts=count_work(work, parts),
        dropped=work.dropped,
        extra=_extra(teacher, parts, quality),
        started=started,
    )
    artefacts.write(scores, out, schemas.TEACHER_SCORES, manifest, overwrite=overwrite)
    parts.remove()
    _log(manifest, quality, out)


def _further_inputs(qrels: Path | None, reuse: list[Path]) -> dict[str, Path]:
    named = {} if qrels is None else {"qrels": qrels}
    return named | {f"reuse_{row}": path for row, path in enumerate(reuse, start=1)}


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
        candidates, *others = map(str, inputs.values())
        msg = (
            f"nothing to score in {candidates} ({reasons or 'it is empty'}). Give the "
            f"queries and the corpus that it was made from; got {', '.join(others)}."
        )
        raise ValueError(msg)


def _fingerprints(inputs: dict[str, Path], add_relevant: bool) -> dict[str, str]:
    """Those of all inputs that shape the scores."""
    # Qrels do only where their passages are added. Reused scores do not beyond
    # rounding, but with them in the key a restart mixes nothing.
    return {
        name: artefacts.fingerprint(path)
        for name, path in inputs.items()
        if name != "qrels" or add_relevant
    }


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


def _log(manifest: artefacts.Manifest, quality: dict[str, float], out: Path) -> None:
    if quality:
        logger.info(
            "score: %s over %d queries: candidates %.4f, teacher %.4f",
            MEASURE,
            quality["queries"],
            quality["candidates"],
            quality["teacher"],
        )
    counts = {name: f"{count:,}" for name, count in manifest.counts.items()}
    dropped = ", ".join(f"{n:,} {why}" for why, n in manifest.dropped.items())
    logger.info(
        "score: %s queries, %s pairs -> %s (dropped: %s); %s of %s pairs were not "
        "needed, %s reused",
        counts["queries"],
        counts["pairs"],
        out,
        dropped,
        counts["pairs_not_needed"],
        counts["candidates"],
        counts["pairs_reused"],
    )

"""Whether a teacher ranks better than the student: it bounds what can be learnt."""

import logging

import polars as pl

from dr_lightning.metrics import evaluate_run, means

MEASURE = "nDCG@10"

logger = logging.getLogger(__name__)


def compare_rankings(
    run: pl.DataFrame, scores: pl.DataFrame, qrels: pl.DataFrame
) -> dict[str, float]:
    """nDCG@10 of the student's and of the teacher's order of the same candidates.

    Pairs that only one of them scored are left out, so relevant passages that were
    added for the teacher do not flatter it. Averaged over the judged queries among
    `scores`.

    Args:
        run: The student's candidates: query_id, passage_id, score (lists).
        scores: query_id, passage_id, teacher_score (lists).
        qrels: query_id, passage_id, relevance.

    Returns:
        `candidates` and `teacher` in [0, 1], and `queries`, their number; empty where
        no query is judged.
    """
    judged = qrels.join(scores, on="query_id", how="semi")
    if judged.is_empty():
        return {}
    student = run.select("query_id", "passage_id", "score").explode(
        "passage_id", "score"
    )
    teacher = scores.explode("passage_id", "teacher_score")
    both = student.join(teacher, on=["query_id", "passage_id"], how="inner")
    result: dict[str, float] = {"queries": judged["query_id"].n_unique()}
    for name, column in (("candidates", "score"), ("teacher", "teacher_score")):
        lists = both.group_by("query_id").agg(
            "passage_id", pl.col(column).alias("score")
        )
        result[name] = means(evaluate_run(lists, judged, [MEASURE]))[MEASURE]
    return result


def without_sources(scores: pl.DataFrame, queries: pl.DataFrame) -> pl.DataFrame:
    """Leaves out what fail-fast scoring decides on, and says so.

    Some of these queries are not scored in full, and of those that are, the teacher
    ranks the source first by selection: either would make a comparison unfair.

    Args:
        scores: query_id among its columns.
        queries: query_id, source_passage_id.

    Example:
        >>> scores = pl.DataFrame({"query_id": ["q", "r"]})
        >>> queries = scores.with_columns(source_passage_id=pl.Series(["a", None]))
        >>> without_sources(scores, queries)["query_id"].to_list()
        ['r']
    """
    source = queries.filter(pl.col("source_passage_id").is_not_null())
    kept = scores.join(source, on="query_id", how="anti", maintain_order="left")
    if len(kept) < len(scores):
        logger.info(
            "score: the comparison by %s leaves out %d queries with a source passage; "
            "with --fail_fast false it has them too",
            MEASURE,
            len(scores) - len(kept),
        )
    return kept

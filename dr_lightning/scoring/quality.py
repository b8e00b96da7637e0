"""Whether a teacher ranks better than the student: it bounds what can be learnt."""

import polars as pl

from dr_lightning.metrics import evaluate_run, means

MEASURE = "nDCG@10"


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

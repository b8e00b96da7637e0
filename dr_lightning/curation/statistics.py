"""Describes training lists per query type, for the manifest."""

from typing import Any

import polars as pl

from dr_lightning.curation.lists import Curated

MASK_RATIO = 0.6
"""Default of InfoNCE: a listed passage above this share of the positive is masked."""

TEACHER_TEMPERATURE = 0.3
"""Default of listwise KL, on scores in 0..1."""


def list_statistics(curated: Curated) -> dict[str, dict[str, Any]]:
    """Counts, drops and the shape of the teacher's scores, per query type.

    - `queries`, `lists`, `dropped`: counts in, out, and by reason;
    - `candidates`: mean, min and max number over the queries whose scores the
      percentiles were taken from (those that passed step 1);
    - `percentiles`: low, floor and high, on the teacher's scale;
    - `positives_clipped`: share of positives at 1, the upper end;
    - `negatives_masked`: share of the listed passages that are neither the positive
      nor excluded and score strictly above 0.6 of the positive;
    - `teacher_entropy`: mean entropy in nats of softmax(score / 0.3) over a list.

    The last four are null without a teacher, and shares are null where there is
    nothing to take a share of.

    Args:
        curated: What `distillation_lists` or `contrastive_lists` returned.

    Example:
        >>> lists = pl.DataFrame({"query_id": ["q"], "query_type": ["claim"],
        ...     "passage_id": [["a", "b", "c"]], "teacher_score": [[1.0, 0.7, 0.0]],
        ...     "excluded_id": [[]]}, schema_overrides={
        ...     "excluded_id": pl.List(pl.String)})
        >>> judged = pl.DataFrame({"query_id": ["q", "r"], "query_type": ["claim"] * 2,
        ...     "candidates": [3, 1], "reason": [None, "too_few_candidates"],
        ...     "low": 0.0, "floor": 0.5, "high": 2.0})
        >>> found = list_statistics(Curated(lists, judged))["claim"]
        >>> found["dropped"], found["negatives_masked"]
        ({'too_few_candidates': 1}, 0.5)
    """
    types = curated.judged["query_type"].unique().sort()
    return {
        query_type: _of_queries(
            curated.judged.filter(pl.col("query_type") == query_type)
        )
        | _of_lists(curated.lists.filter(pl.col("query_type") == query_type))
        for query_type in types
    }


def drop_counts(judged: pl.DataFrame) -> dict[str, int]:
    """How many queries were dropped for each reason, the most frequent first.

    Args:
        judged: Column reason, null where a query was kept.

    Example:
        >>> drop_counts(pl.DataFrame({"reason": ["b", None, "a", "a"]}))
        {'a': 2, 'b': 1}
    """
    counts = (
        judged.drop_nulls("reason")
        .group_by("reason")
        .len()
        .sort("len", "reason", descending=[True, False])
    )
    return dict(counts.iter_rows())


def _of_queries(judged: pl.DataFrame) -> dict[str, Any]:
    """Counts, drops, depth and percentiles of one query type."""
    # Step 1 came before the percentiles; only this reason comes after them.
    passed = judged.filter(
        pl.col("reason").is_null() | (pl.col("reason") == "best_score_low")
    )
    depth = passed["candidates"]
    return {
        "queries": len(judged),
        "lists": judged["reason"].null_count(),
        "dropped": drop_counts(judged),
        "candidates": {"mean": depth.mean(), "min": depth.min(), "max": depth.max()},
        "percentiles": {
            name: judged[name].first() for name in ("low", "floor", "high")
        },
    }


def _of_lists(lists: pl.DataFrame) -> dict[str, float | None]:
    """The shape of the teacher's scores in the lists of one query type."""
    taught = lists.drop_nulls("teacher_score").with_columns(
        positive_score=pl.col("teacher_score").list.first()
    )
    negatives = (
        taught.with_columns(pl.col("passage_id", "teacher_score").list.slice(1))
        .explode("passage_id", "teacher_score")
        .filter(~pl.col("passage_id").is_in(pl.col("excluded_id")))
    )
    logits = pl.col("teacher_score") / TEACHER_TEMPERATURE
    weights = logits.list.eval(pl.element().exp())
    total = weights.list.sum()
    # -sum p log p with p = weight / total
    entropy = total.log() - (weights * logits).list.sum() / total
    masked = pl.col("teacher_score") > MASK_RATIO * pl.col("positive_score")
    return {
        "positives_clipped": taught.select(
            (pl.col("positive_score") == 1).mean()
        ).item(),
        "negatives_masked": negatives.select(masked.mean()).item(),
        "teacher_entropy": taught.select(entropy.mean()).item(),
    }

"""Fail-fast scoring: which pairs are scored first, and when a query is given up."""

import polars as pl

ROUNDS = (3, 8)
"""Candidates beside the source passage in the first rounds; the last has the rest."""

NEVER = 255
"""The round of pairs that no stage asks for."""


def with_rounds(pairs: pl.DataFrame, fail_fast: bool) -> pl.DataFrame:
    """Adds the round in which each pair is scored, from 0.

    A query whose source passage is not first for the teacher makes no training list.
    So the source and the best few candidates come first, and what is left of a query
    is scored only while nothing beats its source. A query without a source passage
    (a human one) is scored in one round. Of a query whose source is no candidate, which
    makes no list either, the best candidate alone is scored: it stays in the file, for
    `curate` to name the reason.

    Args:
        pairs: query_id, passage_id, source_passage_id; queries one after the other,
            candidates from the best.
        fail_fast: False = everything in round 0.

    Example:
        >>> frame = pl.DataFrame({"query_id": ["q"] * 5, "passage_id": list("abcde"),
        ...     "source_passage_id": ["e"] * 5})
        >>> with_rounds(frame, fail_fast=True)["round"].to_list()
        [0, 0, 0, 1, 0]
        >>> with_rounds(frame.head(3), fail_fast=True)["round"].to_list()
        [0, 255, 255]
    """
    if not fail_fast:
        return pairs.with_columns(round=pl.lit(0, pl.UInt8))
    own = (pl.col("passage_id") == pl.col("source_passage_id")).fill_null(value=False)
    human = pl.col("source_passage_id").is_null()
    found = own.any().over("query_id")
    place = (~own).cum_sum().over("query_id")  # among the others, from 1
    first, second = ROUNDS
    later = pl.when(place <= first + second).then(1).otherwise(2)
    in_turn = pl.when(own | (place <= first)).then(0).otherwise(later)
    waste = pl.when(place == 1).then(0).otherwise(NEVER)
    number = pl.when(human).then(0).when(found).then(in_turn).otherwise(waste)
    return pairs.with_columns(round=number.cast(pl.UInt8))


def beaten(scored: pl.DataFrame) -> pl.DataFrame:
    """Queries for which a candidate scores strictly higher than the source passage.

    On a tie the source stands first. Scores are compared as they are written: float32.

    Args:
        scored: query_id, passage_id, source_passage_id, teacher_score (Float32).

    Returns:
        query_id.

    Example:
        >>> frame = pl.DataFrame({"query_id": ["q", "q", "r", "r"],
        ...     "passage_id": list("abab"), "source_passage_id": ["a"] * 4,
        ...     "teacher_score": [1.0, 1.0, 1.0, 1.5]})
        >>> beaten(frame)["query_id"].to_list()
        ['r']
    """
    own = pl.col("passage_id") == pl.col("source_passage_id")
    score = pl.col("teacher_score")
    return (
        scored.group_by("query_id", maintain_order=True)
        .agg(best=score.max(), source=score.filter(own).first())
        .filter(pl.col("best") > pl.col("source"))
        .select("query_id")
    )

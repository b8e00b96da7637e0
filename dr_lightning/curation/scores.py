"""Puts teacher scores on one scale: percentiles per query type, several teachers."""

import operator
from collections.abc import Sequence
from functools import reduce

import polars as pl

from dr_lightning.curation.rules import DEFAULT_RULES, ListRules

_PAIR = ["query_id", "passage_id"]
_SLICE = 20_000


def as_candidates(frame: pl.DataFrame, score: str) -> pl.DataFrame:
    """Returns query_id, passage_id[], score[] (float64) of a run or of teacher scores.

    In double precision, so that percentiles and ties do not depend on rounding. A query
    without candidates has no row.

    Args:
        frame: A run or teacher scores, descending.
        score: Name of its column of scores.

    Raises:
        ValueError: If a score is missing, not a number or infinite.

    Example:
        >>> run = pl.DataFrame({"query_id": ["q"], "passage_id": [["a"]],
        ...     "score": [[1]]})
        >>> as_candidates(run, "score")["score"].to_list()
        [[1.0]]
    """
    values = pl.col(score).cast(pl.List(pl.Float64)).alias("score")
    listed = pl.col("passage_id").list.len() > 0
    candidates = frame.filter(listed).select(*_PAIR, values)
    finite = pl.col("score").list.eval(pl.element().is_finite().fill_null(value=False))
    bad = candidates.filter(~finite.list.all())
    if len(bad):
        msg = (
            f"{score} must be finite numbers, but query {bad['query_id'][0]!r} "
            f"(and {len(bad) - 1} more) has a missing, NaN or infinite one. Score "
            "these queries again."
        )
        raise ValueError(msg)
    return candidates


def score_percentiles(candidates: pl.DataFrame, rules: ListRules) -> pl.DataFrame:
    """Percentiles over all candidates of a query type.

    Linear interpolation between the two nearest of the n sorted scores, at position
    `percentile / 100 * (n - 1)`.

    Args:
        candidates: Columns query_type and score, one row a candidate.
        rules: Only the percentiles are used.

    Returns:
        Columns query_type, low, floor, high; one row a type.

    Raises:
        ValueError: If low and high of a type are the same: nothing to learn from.

    Example:
        >>> frame = pl.DataFrame({"score": [4.0, 2.0, 0.0]})
        >>> frame = frame.with_columns(query_type=pl.lit("claim"))
        >>> score_percentiles(frame, ListRules(percentiles=(0, 25, 100))).rows()
        [('claim', 0.0, 1.0, 4.0)]
    """
    low, floor, high = (
        pl.col("score").quantile(percentile / 100, interpolation="linear")
        for percentile in rules.percentiles
    )
    scale = (
        candidates.group_by("query_type")
        .agg(low=low, floor=floor, high=high)
        .sort("query_type")
    )
    flat = scale.filter(pl.col("low") >= pl.col("high"))
    if len(flat):
        row = flat.row(0, named=True)
        msg = (
            f"the teacher scores of query type {row['query_type']!r} do not spread: "
            f"their percentiles {rules.percentiles[0]:g} and {rules.percentiles[2]:g} "
            f"are both {row['low']:g}. Check the teacher, leave the type out, or set "
            "wider percentiles."
        )
        raise ValueError(msg)
    return scale


def average_teachers(
    queries: pl.DataFrame,
    teachers: Sequence[pl.DataFrame],
    rules: ListRules = DEFAULT_RULES,
) -> tuple[pl.DataFrame, list[int]]:
    """Averages the scores of several teachers, each on its own scale, as in CADET.

    score = mean over teachers of `(score - low) / (high - low)`, with low and high the
    first and last percentile of that teacher and query type over the candidates that
    every teacher scored. A candidate that one teacher lacks is dropped. Nothing is
    clipped here: the order among the best decides whether a source passage is first.
    Reference: https://arxiv.org/abs/2505.19274

    Args:
        queries: Schema of queries; candidates of other queries are left out.
        teachers: Frames in the schema of teacher scores. With one, its raw scores
            come back as they are.
        rules: Only the percentiles are used.

    Returns:
        Teacher scores in the same schema, ties in the order of the first teacher; and
        per teacher how many of its candidates were dropped, as another lacks them.

    Raises:
        ValueError: If a score is not finite, or a teacher's scores of a query type
            do not spread.

    Example:
        >>> queries = pl.DataFrame({"query_id": ["q"], "query_type": ["question"]})
        >>> one = pl.DataFrame({"query_id": ["q"], "passage_id": [["a", "b", "c"]],
        ...     "teacher_score": [[9.0, 5.0, 1.0]]})
        >>> two = pl.DataFrame({"query_id": ["q"], "passage_id": [["b", "a"]],
        ...     "teacher_score": [[0.2, 0.1]]})
        >>> rules = ListRules(percentiles=(0, 25, 100))
        >>> scores, dropped = average_teachers(queries, [one, two], rules)
        >>> scores["teacher_score"].to_list(), dropped
        ([[0.5, 0.5]], [1, 0])
    """
    if len(teachers) == 1:
        return teachers[0], [0]
    types = queries.select("query_id", "query_type")
    listed = [
        as_candidates(frame, "teacher_score").join(types, on="query_id", how="semi")
        for frame in teachers
    ]
    # In slices of queries, so that the tables of the joins stay small.
    starts = range(0, max(1, len(types)), _SLICE)
    shared = pl.concat([_shared(types.slice(s, _SLICE), listed) for s in starts])
    counts = [int(frame["passage_id"].list.len().sum()) for frame in listed]
    left = int(shared["passage_id"].list.len().sum())
    names = [f"score_{index}" for index in range(len(teachers))]
    shared = shared.with_columns(_rescaled(shared, name, rules) for name in names)
    mean = reduce(operator.add, map(pl.col, names)) / len(names)
    best_first = pl.col("passage_id", "teacher_score").sort_by(
        "teacher_score", descending=True, maintain_order=True
    )
    scores = (
        shared.select(*_PAIR, teacher_score=mean)
        .explode("passage_id", "teacher_score")
        .group_by("query_id", maintain_order=True)
        .agg(best_first)
    )
    return scores, [count - left for count in counts]


def _shared(types: pl.DataFrame, listed: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """One row a query: the passages that all teachers scored, score_0[], score_1[]."""
    tables = [
        types.join(frame, on="query_id", maintain_order="left")
        .explode("passage_id", "score")
        .rename({"score": f"score_{index}"})
        for index, frame in enumerate(listed)
    ]
    shared = tables[0]
    for table in tables[1:]:
        scores = table.drop("query_type")
        shared = shared.join(scores, on=_PAIR, maintain_order="left")
    names = [f"score_{index}" for index in range(len(listed))]
    keys = ["query_id", "query_type"]
    return shared.group_by(keys, maintain_order=True).agg("passage_id", *names)


def _rescaled(shared: pl.DataFrame, name: str, rules: ListRules) -> pl.Series:
    """One teacher's normalised, unclipped scores: a list a query."""
    scores = shared.select("query_type", score=name)
    scale = score_percentiles(scores.explode("score"), rules)
    low, high = pl.col("low"), pl.col("high")
    return (
        scores.join(scale, on="query_type", how="left", maintain_order="left")
        .select(((pl.col("score") - low) / (high - low)).alias(name))
        .to_series()
    )

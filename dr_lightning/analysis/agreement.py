"""How far a student ranks the teacher's passages as the teacher does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import stats

from dr_lightning.analysis.judged import Judged
from dr_lightning.analysis.scores import Scores


@dataclass(frozen=True)
class Agreement:
    """A system's agreement with a teacher on a collection.

    Args:
        name: The system.
        teacher: The teacher.
        tau: Mean over queries of Kendall's tau-b, -1 to 1.
        queries: That have a tau: at least 2 passages of both, not all scored alike.
        passages: Mean number of passages of a query that both have.
        value: The system's mean of the first measure, over all its queries.
    """

    name: str
    teacher: str
    tau: float
    queries: int
    passages: float
    value: float


def agreements(
    scores: Scores, judged: Sequence[Judged], collection: str
) -> list[Agreement]:
    """Each system beside each teacher of a collection, over the passages both have.

    Args:
        scores: What `scores` gave.
        judged: Rankings; several of one system are seeds, whose tau is averaged.
        collection: The collection.
    """
    here = [one for one in judged if one.collection == collection]
    teachers = [one for one in here if one.checkpoint == "teacher"]
    students = [
        name
        for name in scores.names
        if any(o.name == name and o.checkpoint != "teacher" for o in here)
    ]
    return [
        found
        for teacher in teachers
        for name in students
        for found in _agreement(scores, here, name, teacher)
    ]


def _agreement(
    scores: Scores, here: Sequence[Judged], name: str, teacher: Judged
) -> Iterator[Agreement]:
    seeds = [taus(one, teacher) for one in here if one.name == name]
    means = pl.col("tau", "passages").mean()
    per_query = pl.concat(seeds).group_by("query_id").agg(means)
    own = scores.of(name, teacher.collection)[scores.measure].drop_nulls()
    if per_query.is_empty() or own.is_empty():
        return
    tau, passages = per_query.select(means).row(0)
    yield Agreement(
        name=name,
        teacher=teacher.name,
        tau=tau,
        queries=len(per_query),
        passages=passages,
        value=float(own.to_numpy().mean()),
    )


def taus(student: Judged, teacher: Judged) -> pl.DataFrame:
    """Kendall's tau-b of each query: query_id, tau, passages.

    Queries of whom fewer than 2 passages are shared, or whose scores are all alike, are
    left out.

    Args:
        student: A ranking.
        teacher: The teacher's.
    """
    shared = (
        _scored(teacher)
        .join(_scored(student), on=["query_id", "passage_id"], suffix="_student")
        .group_by("query_id")
        .agg("score", "score_student")
        .sort("query_id")
        .collect()
    )
    rows = [
        (query, _tau(one, other), len(one)) for query, one, other in shared.iter_rows()
    ]
    schema = {"query_id": pl.String, "tau": pl.Float64, "passages": pl.Float64}
    return pl.DataFrame(rows, schema, orient="row").filter(pl.col("tau").is_not_nan())


def _scored(one: Judged) -> pl.LazyFrame:
    return one.ranking.explode("passage_id", "score")


def _tau(one: Sequence[float], other: Sequence[float]) -> float:
    if len(set(one)) < 2 or len(set(other)) < 2:
        return float("nan")
    return float(stats.kendalltau(np.asarray(one), np.asarray(other)).statistic)

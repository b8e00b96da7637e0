"""Every system beside its base, on each collection and over all test collections."""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from dr_lightning.analysis.scores import POOLED, Scores
from dr_lightning.analysis.significance import Difference, describe


@dataclass(frozen=True)
class Row:
    """A system on a collection.

    Args:
        collection: The collection, or `POOLED`.
        name: The system.
        seeds: Runs that its values are averaged over; 0 = nothing was trained.
        spread: Standard deviation over them of the first measure's mean; null for one.
        queries: Judged queries.
        means: Mean of each measure over the queries; null where it was not measured.
        difference: From its base on the first measure; null for the base itself, or
            where the base or a second query is missing. Over all test collections the
            base must be one, and judged on all of them.
    """

    collection: str
    name: str
    seeds: int
    spread: float | None
    queries: int
    means: dict[str, float | None]
    difference: Difference | None


def compare(scores: Scores) -> list[Row]:
    """A row for each system over all test collections, then on each collection.

    A system stands in the rows over all only if it was judged on all of them.

    Args:
        scores: What `scores` gave.
    """
    pooled = [POOLED] if len(scores.tests) > 1 else []
    collections = [*pooled, *scores.collections]
    return [row for collection in collections for row in _rows(scores, collection)]


def _rows(scores: Scores, collection: str) -> Iterator[Row]:
    for name in scores.names:
        own = scores.of(name, collection)
        wanted = len(scores.tests) if collection == POOLED else 1
        if own["collection"].n_unique() < wanted:
            continue
        seeds = scores.seeds.filter(
            pl.col("name") == name,
            pl.col("collection").is_in(own["collection"].implode()),
        )
        means = own.group_by("collection").agg(pl.col(scores.measures).mean())
        yield Row(
            collection=collection,
            name=name,
            seeds=int(seeds["seeds"].min()),  # type: ignore[arg-type]
            spread=None if collection == POOLED else seeds["spread"].item(),
            queries=len(own),
            means=means.select(pl.col(scores.measures).mean()).row(0, named=True),
            difference=_difference(scores, name, collection),
        )


def _difference(scores: Scores, name: str, collection: str) -> Difference | None:
    base = scores.base(name, collection)
    if base is None or base == name:
        return None
    found = scores.differences(base, name, collection)
    return describe(found) if min(map(len, found), default=0) > 1 else None

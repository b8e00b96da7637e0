"""Per-query values averaged over seeds: what comparisons pair."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from dr_lightning.analysis.judged import ALONE, Judged
from dr_lightning.analysis.query_sets import (
    judged_queries,
    lacking,
    shared_by_seeds,
)
from dr_lightning.analysis.results import Results
from dr_lightning.analysis.significance import Differences, paired

POOLED = "all test collections"
"""Stands for every test collection together, each counting the same."""
_SYSTEM = ("collection", "name")


@dataclass(frozen=True)
class Scores:
    """Values of each query, a row for each collection and system.

    Args:
        table: kind, collection, name, checkpoint, query_id, and a column a measure.
        measures: These columns; systems are compared by the first.
        bases: Name of the system that each is compared with, by name and collection.
        seeds: collection, name, seeds (runs that were averaged), and spread (standard
            deviation over them of the first measure's mean; null for one, or where it
            was not measured).
        queries: Judged queries of each collection, whichever system has them.
        notes: What a reader must know: systems that lack some of these queries.
    """

    table: pl.DataFrame
    measures: tuple[str, ...]
    bases: Mapping[tuple[str, str], str]
    seeds: pl.DataFrame
    queries: Mapping[str, int]
    notes: tuple[str, ...]

    @property
    def measure(self) -> str:
        """The first measure."""
        return self.measures[0]

    @property
    def names(self) -> list[str]:
        """All systems: bases first, teachers last."""
        return self.table["name"].unique(maintain_order=True).to_list()

    @property
    def collections(self) -> list[str]:
        """All collections, those for testing first."""
        return self.table["collection"].unique(maintain_order=True).to_list()

    @property
    def tests(self) -> list[str]:
        """The test collections."""
        tests = self.table.filter(pl.col("kind") == "test")
        return tests["collection"].unique(maintain_order=True).to_list()

    def of(self, name: str, collection: str) -> pl.DataFrame:
        """A system's rows on a collection.

        Args:
            name: The system.
            collection: A collection, or `POOLED`.
        """
        return self.table.filter(
            pl.col("collection").is_in(self._here(collection)), pl.col("name") == name
        )

    def label(self, collection: str) -> str:
        """A collection's name for a title, which tells that it is no test.

        Args:
            collection: A collection, or `POOLED`.
        """
        is_test = collection in {POOLED, *self.tests}
        return collection if is_test else f"{collection} (validation)"

    def judged(self, collection: str) -> int:
        """How many queries are judged.

        Args:
            collection: A collection, or `POOLED`.
        """
        return sum(self.queries.get(one, 0) for one in self._here(collection))

    def base(self, name: str, collection: str) -> str | None:
        """The system that one is compared with; null where there is none, or several.

        Args:
            name: The system.
            collection: A collection, or `POOLED`.
        """
        found = {self.bases.get((name, one)) for one in self._here(collection)}
        return found.pop() if len(found) == 1 else None

    def differences(self, base: str, new: str, collection: str) -> Differences:
        """Differences of the queries that two systems share, on the first measure.

        Args:
            base: The one.
            new: The other.
            collection: A collection, or `POOLED`: none if one of the test collections
                has no shared query, for a part of them is not all.
        """
        before, after = (self.of(name, collection) for name in (base, new))
        found = paired(before, after, self.measure)
        return found if len(found) == len(self._here(collection)) else []

    def _here(self, collection: str) -> list[str]:
        return self.tests if collection == POOLED else [collection]


def scores(results: Results, measures: Sequence[str] | None = None) -> Scores:
    """Averages the values of each query over seeds, of those that all seeds have.

    Args:
        results: What `load` gave.
        measures: Measures to keep, the first to compare by; null = all there are.

    Raises:
        ValueError: If nothing is judged, a value is no number, a query has two values,
            a measure is not there, or a system of `evaluate` has the name of a run's.
    """
    table = _measured(results)
    there = table["measure"].unique(maintain_order=True).to_list()
    if unknown := [name for name in measures or [] if name not in there]:
        msg = f"there is no measure {unknown[0]!r}; the files have {', '.join(there)}."
        raise ValueError(msg)
    kept = tuple(measures or there)
    _refuse_infinite(table.filter(pl.col("measure").is_in(kept)), results.ends)
    keys = ["kind", "collection", "name", "checkpoint", "query_id"]
    # Bases first, teachers last, as a bound.
    is_base, is_teacher = (pl.col("checkpoint") == end for end in ("base", "teacher"))
    shared = shared_by_seeds(table)
    averaged = (
        shared.group_by(*keys, "measure", maintain_order=True)
        .agg(pl.col("value").mean())
        .pivot("measure", index=keys, values="value", maintain_order=True)
        .select(*keys, *kept)
        .sort(
            "kind",
            is_base,
            is_teacher,
            descending=[False, True, False],
            maintain_order=True,
        )
    )
    trained = pl.col("checkpoint") != "base"  # runs of all seeds start from one
    seeds = (
        shared.with_columns(seed=pl.when(trained).then("seed"))
        .group_by(*_SYSTEM, "seed", maintain_order=True)
        .agg(pl.col("value").filter(pl.col("measure") == kept[0]).mean())
        .group_by(_SYSTEM, maintain_order=True)
        .agg(seeds=pl.col("seed").count(), spread=pl.col("value").std())
    )
    return Scores(
        table=averaged,
        measures=kept,
        bases=_bases(results.ends),
        seeds=seeds,
        queries=judged_queries(table, kept[0]),
        notes=tuple(lacking(table, shared, kept[0])),
    )


def _measured(results: Results) -> pl.DataFrame:
    # What one run selected by is no test for any.
    kind = pl.col("kind").max().over("collection")
    table = (
        results.measurements.with_columns(name=_name(), kind=kind)
        # A base of one evaluation may be compared in another one.
        .with_columns(checkpoint=pl.col("checkpoint").first().over(_SYSTEM))
        .collect()
    )
    if table.is_empty():
        runs = ", ".join(f"{run.folder} ({run.status})" for run in results.runs)
        msg = (
            "nothing is judged yet: no values of single queries are there; runs: "
            f"{runs or 'none'}. Wait for the first evaluation of a run that goes on, "
            "or judge a model with `evaluate --out`."
        )
        raise ValueError(msg)
    _refuse_shared_names(table)
    _refuse_repeated(table, results.ends)
    return table


def _refuse_shared_names(table: pl.DataFrame) -> None:
    """A run's seeds are averaged: what `evaluate` judged is none of them."""
    trained = table.filter(pl.col("checkpoint") != "base")
    seeded = trained.group_by(_SYSTEM, maintain_order=True).agg(
        pl.col("seed").is_null().n_unique()
    )
    for collection, name in seeded.filter(pl.col("seed") > 1).select(_SYSTEM).rows():
        msg = (
            f"{name} on {collection} is a run's and also a system of `evaluate`. Name "
            "it otherwise in `evaluate`, or leave one of the folders out."
        )
        raise ValueError(msg)


def _refuse_infinite(table: pl.DataFrame, judged: Sequence[Judged]) -> None:
    odd = table.filter(~pl.col("value").is_finite())
    if odd.is_empty():
        return
    row = odd.row(0, named=True)
    msg = (
        f"{_place(row, judged)} is {row['value']}, but values must be finite. Judge it "
        "again, leave the folder out, or choose other measures."
    )
    raise ValueError(msg)


def _refuse_repeated(table: pl.DataFrame, judged: Sequence[Judged]) -> None:
    """Averaged, two values of a query would look like one."""
    keys = table.select(*_SYSTEM, "seed", "step", "measure", "query_id")
    repeated = table.filter(keys.is_duplicated())
    if repeated.is_empty():
        return
    msg = (
        f"{_place(repeated.row(0, named=True), judged)} stands there several times, "
        "and only one value can be compared. Judge it again, or leave the folder out."
    )
    raise ValueError(msg)


def _place(row: Mapping[str, Any], judged: Sequence[Judged]) -> str:
    """The file of a value, and what it is of."""
    here = tuple(row[key] for key in ("name", "collection", "seed", "step"))
    file = next(
        one.values
        for one in judged
        if (one.name, one.collection, one.seed, one.step) == here
    )
    return (
        f"{file}: {row['measure']} of query {row['query_id']!r} under {row['name']} on "
        f"{row['collection']}"
    )


def _bases(judged: Sequence[Judged]) -> dict[tuple[str, str], str]:
    """Without systems whose seeds have several bases on a collection."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in judged:
        found[one.name, one.collection].add(one.base)
    single = {key: bases.pop() for key, bases in found.items() if len(bases) == 1}
    return {key: base for key, base in single.items() if base}


def _name() -> pl.Expr:
    """As `Judged.name`."""
    alone = pl.col("checkpoint").is_in(ALONE)
    both = pl.format("{} {}", "system", "checkpoint")
    return pl.when(alone).then("system").otherwise(both)

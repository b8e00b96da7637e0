"""Per-query values averaged over seeds: what comparisons pair."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from dr_lightning.analysis.judged import ALONE
from dr_lightning.analysis.results import Results

POOLED = "all test collections"
"""Stands for every test collection together, each counting the same."""
_SYSTEM = ("collection", "name")


@dataclass(frozen=True)
class Scores:
    """Values of each query, a row for each collection and system.

    Args:
        table: kind, collection, name, checkpoint, query_id, and a column a measure.
        measures: These columns; systems are compared by the first.
        bases: Name of the system that each is compared with.
        seeds: collection, name, seeds (runs that were averaged), and spread (standard
            deviation over them of the first measure's mean).
    """

    table: pl.DataFrame
    measures: tuple[str, ...]
    bases: dict[str, str]
    seeds: pl.DataFrame

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
        here = self.tests if collection == POOLED else [collection]
        return self.table.filter(
            pl.col("collection").is_in(here), pl.col("name") == name
        )


def scores(results: Results, measures: Sequence[str] | None = None) -> Scores:
    """Averages the values of each query over seeds.

    Args:
        results: What `load` gave.
        measures: Measures to keep, the first to compare by; null = all there are.

    Raises:
        ValueError: If nothing is judged, or a measure is not there.
    """
    # What one run selected by is no test for any.
    kind = pl.col("kind").max().over("collection")
    table = (
        results.measurements.with_columns(name=_name(), kind=kind)
        # A base of one evaluation may be compared in another one.
        .with_columns(checkpoint=pl.col("checkpoint").first().over(_SYSTEM))
        .collect()
    )
    if table.is_empty():
        msg = (
            "nothing is judged yet: no evaluation of these runs is finished. Wait for "
            "one, or judge a model with `evaluate --out`."
        )
        raise ValueError(msg)
    there = table["measure"].unique(maintain_order=True).to_list()
    if unknown := [name for name in measures or [] if name not in there]:
        msg = f"there is no measure {unknown[0]!r}; the files have {', '.join(there)}."
        raise ValueError(msg)
    kept = tuple(measures or there)
    keys = ["kind", "collection", "name", "checkpoint", "query_id"]
    # Bases first, teachers last, as a bound.
    is_base, is_teacher = (pl.col("checkpoint") == end for end in ("base", "teacher"))
    averaged = (
        table.group_by(*keys, "measure", maintain_order=True)
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
        table.filter(pl.col("measure") == kept[0])
        .with_columns(seed=pl.when(trained).then("seed"))
        .group_by("collection", "name", "seed", maintain_order=True)
        .agg(pl.col("value").mean())
        .group_by("collection", "name", maintain_order=True)
        .agg(seeds=pl.col("seed").count(), spread=pl.col("value").std())
    )
    bases = {one.name: one.base for one in results.ends}
    return Scores(averaged, kept, bases, seeds)


def _name() -> pl.Expr:
    """As `Judged.name`."""
    alone = pl.col("checkpoint").is_in(ALONE)
    both = pl.format("{} {}", "system", "checkpoint")
    return pl.when(alone).then("system").otherwise(both)

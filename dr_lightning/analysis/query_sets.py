"""Systems and seeds that lack some queries: compared on what they share, and told."""

import polars as pl

_SYSTEM = ("collection", "name")
_QUERIES = pl.col("query_id").n_unique()


def shared_by_seeds(table: pl.DataFrame) -> pl.DataFrame:
    """Without the values of queries that a seed of the same system lacks.

    Averaged over the seeds that have it, a query would stand for other weights than the
    next one. Of a base nothing is dropped: all seeds start from the same weights.

    Args:
        table: collection, name, checkpoint, seed, query_id, measure, value: one value
            of each query, measure and seed.
    """
    runs = pl.col("seed").n_unique().over(_SYSTEM)
    counted = table.with_columns(runs=runs).filter(pl.col("value").is_not_null())
    have = pl.len().over(*_SYSTEM, "query_id", "measure")
    kept = (pl.col("checkpoint") == "base") | (have == pl.col("runs"))
    return counted.filter(kept).drop("runs")


def judged_queries(table: pl.DataFrame, measure: str) -> dict[str, int]:
    """How many queries of each collection have a value under any system.

    Args:
        table: As above.
        measure: The measure that counts.
    """
    return dict(_measured(table, measure).group_by("collection").agg(_QUERIES).rows())


def lacking(table: pl.DataFrame, shared: pl.DataFrame, measure: str) -> list[str]:
    """A line on each system that lacks a judged query.

    Args:
        table: As above.
        shared: What `shared_by_seeds` left of it.
        measure: The measure that counts.
    """
    every = judged_queries(table, measure)
    left = {
        (collection, name): number
        for collection, name, number in _measured(shared, measure)
        .group_by(_SYSTEM)
        .agg(_QUERIES)
        .rows()
    }
    seeds = pl.col("seed").filter(pl.col("checkpoint") != "base").n_unique()
    systems = table.group_by(_SYSTEM, maintain_order=True).agg(seeds)
    # One without the measure has no mean to be misread.
    measured = _measured(table, measure).select(_SYSTEM).unique()
    systems = systems.join(measured, on=_SYSTEM, how="semi", maintain_order="left")
    notes = []
    for collection, name, number in systems.rows():
        own = left.get((collection, name), 0)
        if own < every[collection]:
            has = "has" if number < 2 else f"has, in all its {number} seeds,"
            notes.append(
                f"{name} {has} {own:,} of the {every[collection]:,} judged queries of "
                f"{collection}: its means are over these, differences over the queries "
                "that both sides have."
            )
    return notes


def _measured(table: pl.DataFrame, measure: str) -> pl.DataFrame:
    has_value = pl.col("value").is_not_null()
    return table.filter(has_value, pl.col("measure") == measure)

"""The long table of per-query values, from which every comparison derives."""

from collections.abc import Sequence

import polars as pl

from dr_lightning.analysis.judged import Judged

VALUES = pl.Schema(
    {
        "collection": pl.String(),
        "kind": pl.String(),
        "system": pl.String(),
        "checkpoint": pl.String(),
        "seed": pl.Int64(),
        "step": pl.Int64(),
        "query_id": pl.String(),
        "measure": pl.String(),
        "value": pl.Float64(),
    }
)


def scan(judged: Sequence[Judged]) -> pl.LazyFrame:
    """Values of each query and measure, lazily; columns of `VALUES`.

    Args:
        judged: Whose values; none gives an empty frame.
    """
    return pl.concat([pl.LazyFrame(schema=VALUES), *map(_scan_one, judged)])


def _scan_one(one: Judged) -> pl.LazyFrame:
    told = {name: getattr(one, name) for name in VALUES if hasattr(one, name)}
    return (
        pl.scan_parquet(one.values)
        .with_columns(pl.all().exclude("query_id").cast(pl.Float64))
        .unpivot(index="query_id", variable_name="measure", value_name="value")
        .with_columns(
            pl.lit(value, VALUES[name]).alias(name) for name, value in told.items()
        )
        .select(VALUES.names())
    )

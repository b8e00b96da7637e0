"""Runs of other systems, brought to the queries and the passages at hand."""

from pathlib import Path

import polars as pl

from dr_lightning.inputs import read_run

#: Queries that are looked at together; bounds the memory, not the result.
BLOCK = 10_000


def read_candidates(
    path: Path, queries: pl.Series, passages: pl.Series
) -> tuple[pl.DataFrame, int]:
    """A run's lists of some queries, without passages that are no candidates.

    Args:
        path: Of the run, as `read_run` takes it.
        queries: Ids; lists of other queries are left out.
        passages: Ids of the candidates.

    Returns:
        Schema of runs, in the order of the file, and how many passages were left out of
        its lists.

    Raises:
        ValueError: If the file cannot be read, or nothing in it is left.
    """
    run = read_run(path)
    asked = run.filter(pl.col("query_id").is_in(queries.implode()))
    candidates = passages.to_frame("passage_id").lazy()
    blocks = list(asked.iter_slices(BLOCK)) or [asked]
    kept = pl.concat([_without_others(some, candidates) for some in blocks])
    if kept.is_empty():
        msg = (
            f"{path}: none of its {len(run):,} lists has a query and a passage that "
            "are wanted here. Give a run of these queries and of this corpus."
        )
        raise ValueError(msg)
    before, after = (len(frame["passage_id"].explode()) for frame in (asked, kept))
    return kept, before - after


def _without_others(run: pl.DataFrame, candidates: pl.LazyFrame) -> pl.DataFrame:
    rows = run.lazy().explode("passage_id", "score")
    return (
        rows.join(candidates, on="passage_id", how="semi", maintain_order="left")
        .group_by("query_id", maintain_order=True)
        .agg("passage_id", "score")
        .collect()
    )

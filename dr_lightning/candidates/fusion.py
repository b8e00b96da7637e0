"""Reciprocal rank fusion: one run of several, by ranks alone."""

from collections.abc import Sequence

import polars as pl

#: Queries that are fused together; bounds the memory, not the result.
BLOCK = 10_000


def fuse(runs: Sequence[pl.DataFrame], depth: int, k: int = 60) -> pl.DataFrame:
    """Fuses runs by reciprocal rank: the score is the sum of 1 / (k + rank).

    Each run gives its best `depth` passages, ranked from 1; a passage that a run lacks
    gets nothing from it. Equal scores, compared in float32 as they are stored, are
    ordered by descending passage id, as trec_eval orders them. The order of the runs
    has no meaning. See Cormack, Clarke and Büttcher, SIGIR 2009.

    Args:
        runs: Schema of runs, each descending; at least one.
        depth: Passages that each run gives, and that are kept.
        k: How little the first ranks stand out; 60, as in the paper.

    Returns:
        Schema of runs, ordered by query id.

    Example:
        >>> lists = (["a", "b"], ["b", "c"])
        >>> runs = [
        ...     pl.DataFrame({"query_id": ["q"], "passage_id": [ids]}) for ids in lists
        ... ]
        >>> fuse(runs, depth=3).row(0)[1]
        ['b', 'a', 'c']
    """
    ids = pl.concat([run["query_id"] for run in runs]).unique().sort()
    starts = range(0, max(len(ids), 1), BLOCK)
    blocks = [ids.slice(start, BLOCK).implode() for start in starts]
    return pl.concat(
        [
            _fuse(
                [run.filter(pl.col("query_id").is_in(some)) for run in runs], depth, k
            )
            for some in blocks
        ]
    )


def join_runs(
    runs: Sequence[pl.DataFrame], query_id: pl.Series, depth: int, k: int
) -> pl.DataFrame:
    """One run, in the order of the queries: a single one with its scores, else fused.

    Args:
        runs: Schema of runs; at least one.
        query_id: Ids of the queries.
        depth: Passages a query.
        k: See `fuse`.
    """
    cut = pl.col("passage_id", "score").list.head(depth)
    run = runs[0].with_columns(cut) if len(runs) == 1 else fuse(runs, depth, k)
    order = query_id.to_frame("query_id")
    return order.join(run, on="query_id", how="inner", maintain_order="left")


def _fuse(runs: Sequence[pl.DataFrame], depth: int, k: int) -> pl.DataFrame:
    cut = pl.col("passage_id").list.head(depth)
    ranked = pl.concat(
        [
            run.select("query_id", cut)
            .with_columns(rank=pl.int_ranges(1, pl.col("passage_id").list.len() + 1))
            .explode("passage_id", "rank")
            for run in runs
        ]
    )
    # Sorted, because the sum of floats depends on their order.
    shares = (1 / (k + pl.col("rank"))).sort()
    return (
        ranked.group_by("query_id", "passage_id")
        .agg(score=shares.sum().cast(pl.Float32))
        .sort("query_id", "score", "passage_id", descending=[False, True, True])
        .group_by("query_id", maintain_order=True)
        .agg(pl.col("passage_id", "score").head(depth))
    )

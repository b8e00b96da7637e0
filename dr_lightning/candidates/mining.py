"""Which candidates may serve as hard negatives; the others are removed, and counted."""

import hashlib
from collections import Counter
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dr_lightning.candidates.hard_negatives import HardNegatives
from dr_lightning.candidates.positives import Positives

#: Queries that are filtered together; bounds the memory, not the result.
BLOCK = 10_000

_FREE = ~pl.col("known") & pl.col("reason").is_null()


class Chosen(NamedTuple):
    """A run whose lists hold known positives and chosen negatives.

    Attributes:
        run: Schema of runs; a list that lost all its passages is left out.
        removed: Reason and count of each removed candidate.
        without_margin: Queries with margins set, whose positive was not retrieved.
        short: Queries with fewer than `per_query` negatives.
    """

    run: pl.DataFrame
    removed: dict[str, int]
    without_margin: int
    short: int


def choose_negatives(
    run: pl.DataFrame, positives: Positives, settings: HardNegatives
) -> Chosen:
    """Removes the candidates that shall be no negatives; positives stay.

    Args:
        run: Schema of runs, descending.
        positives: What is known to be relevant. Two passages of one group, or one that
            is the other's group, are duplicates.
        settings: Which negatives are wanted.

    Example:
        >>> run = pl.DataFrame({"query_id": ["q"], "passage_id": [["a", "b", "c"]],
        ...     "score": [[0.9, 0.8, 0.1]]})
        >>> from dr_lightning.candidates.positives import find_positives
        >>> queries = pl.DataFrame({"query_id": ["q"], "source_passage_id": ["b"]})
        >>> positives = find_positives(queries, None, None)
        >>> wanted = HardNegatives(absolute_margin=0.0)
        >>> choose_negatives(run, positives, wanted).run.row(0)[1]
        ['b', 'c']
    """
    blocks = list(run.iter_slices(BLOCK)) or [run]
    mined = [_mine(_judge(_rows(some, positives), settings)) for some in blocks]
    removed: Counter[str] = Counter()
    for some in mined:
        removed.update(some.removed)
    margins = settings.absolute_margin, settings.relative_margin
    negatives = pl.concat([some.negatives for some in mined])
    return Chosen(
        pl.concat([some.run for some in mined]),
        dict(sorted(removed.items())),
        0 if margins == (None, None) else sum(some.unbounded for some in mined),
        int((negatives < (settings.per_query or 0)).sum()),
    )


class _Mined(NamedTuple):
    """What a block of queries comes to."""

    run: pl.DataFrame
    removed: dict[str, int]
    unbounded: int
    negatives: pl.Series


def _mine(rows: pl.DataFrame) -> _Mined:
    kept = rows.filter(pl.col("reason").is_null())
    per_query = rows.group_by("query_id").agg(
        unbounded=pl.col("positive_score").is_null().all(), negatives=_FREE.sum()
    )
    counts = rows.drop_nulls("reason").group_by("reason").len().sort("reason")
    return _Mined(
        kept.group_by("query_id", maintain_order=True).agg("passage_id", "score"),
        dict(counts.iter_rows()),
        int(per_query["unbounded"].sum()),
        per_query["negatives"],
    )


def _rows(run: pl.DataFrame, positives: Positives) -> pl.DataFrame:
    """One row a candidate: query_id, passage_id, score, known, positive_score, reason.

    A duplicate of a positive has that for its reason, the others have null.
    """
    pair = ["query_id", "passage_id"]
    group = pl.coalesce("group", "passage_id").alias("group")
    rows = run.lazy().explode("passage_id", "score").with_row_index("place")
    twins = positives.groups.lazy()
    some = positives.known.lazy().join(run.lazy(), on="query_id", how="semi")
    groups = (
        some.join(twins, on="passage_id", how="left")
        .select("query_id", group, twin=pl.lit(True))
        .unique()
    )
    known = pl.col("is_source").is_not_null()
    best = pl.col("score").filter(known).max()
    source = pl.col("score").filter(pl.col("is_source")).first()
    twin = pl.when(~known & pl.col("twin")).then(pl.lit("duplicate of a positive"))
    return (
        rows.join(some, on=pair, how="left")
        .join(twins, on="passage_id", how="left")
        .with_columns(group)
        .join(groups, on=["query_id", "group"], how="left")
        .sort("place")
        .select(
            *pair,
            "score",
            known=known,
            positive_score=pl.coalesce(source, best).over("query_id"),
            reason=twin,
        )
        .collect()
    )


def _judge(rows: pl.DataFrame, settings: HardNegatives) -> pl.DataFrame:
    """Notes the reason of each candidate that is removed."""
    score, positive = pl.col("score"), pl.col("positive_score")
    if settings.range_max is not None:
        rows = _remove(rows, "range_max", _nth() > settings.range_max)
    for name in settings.on_scores:
        value = getattr(settings, name)
        bad = {
            "absolute_margin": score + value > positive,
            "relative_margin": score > positive - positive.abs() * value,
            "max_score": score > value,
            "min_score": score < value,
        }
        rows = _remove(rows, name, bad[name])
    rows = _remove(rows, "range_min", _nth() <= settings.range_min)
    if settings.per_query is None:
        return rows
    if settings.sampling == "top":
        return _remove(rows, "per_query", _nth() > settings.per_query)
    drawn = _draw(rows, settings.per_query, settings.seed)
    return _remove(rows, "per_query", ~pl.lit(drawn))


def _remove(rows: pl.DataFrame, reason: str, condition: pl.Expr) -> pl.DataFrame:
    """Notes `reason` where the condition holds of a candidate that is still free."""
    noted = pl.when(_FREE & condition).then(pl.lit(reason)).otherwise("reason")
    return rows.with_columns(reason=noted)


def _nth() -> pl.Expr:
    """The place of a free candidate among the free ones of its query, from 1."""
    return _FREE.cast(pl.Int64).cum_sum().over("query_id")


def _draw(rows: pl.DataFrame, size: int, seed: int) -> pl.Series:
    """True for `size` of the free candidates of each query; all of fewer."""
    free = rows.select("query_id", free=_FREE).with_row_index("row").filter("free")
    drawn = [
        group["row"].gather(chosen)
        for (query_id,), group in free.group_by("query_id", maintain_order=True)
        for chosen in [_choose(str(query_id), len(group), size, seed)]
    ]
    mask = np.zeros(len(rows), dtype=bool)
    mask[pl.concat(drawn).to_numpy() if drawn else []] = True
    return pl.Series(mask)


def _choose(query_id: str, of: int, size: int, seed: int) -> NDArray[np.int64]:
    digest = hashlib.sha256(query_id.encode()).digest()
    generator = np.random.default_rng([seed, int.from_bytes(digest[:8])])
    return generator.choice(of, min(size, of), replace=False)

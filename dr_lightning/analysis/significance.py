"""Whether one system is better than another on the same queries, and by how much."""

from typing import NamedTuple

import numpy as np
import polars as pl
from scipy import stats

RESAMPLES = 20_000


class Difference(NamedTuple):
    """A paired comparison of two systems.

    Attributes:
        mean: Mean of new - base over the queries.
        low: Lower end of the 95% bootstrap interval of the mean.
        high: Its upper end.
        p: Two-sided p of the randomisation test: signs of the differences are flipped.
        gained: Queries that are better under the new system.
        same: Queries with equal values.
        lost: Queries that are worse.
    """

    mean: float
    low: float
    high: float
    p: float
    gained: int
    same: int
    lost: int


def compare(
    base: pl.DataFrame, new: pl.DataFrame, measure: str, seed: int = 13
) -> Difference:
    """Compares two systems on the queries that both have, query by query.

    Args:
        base: query_id and a column of the measure.
        new: The same of the other system.
        measure: Name of the column, such as nDCG@10.
        seed: Of the resampling; 20,000 samples each.

    Raises:
        ValueError: If fewer than two queries are shared.

    Example:
        >>> base = pl.DataFrame({"query_id": ["a", "b", "c"], "AP": [0.1, 0.2, 0.3]})
        >>> new = base.with_columns(AP=pl.col("AP") + pl.Series([0.3, 0.1, 0.0]))
        >>> found = compare(base, new, "AP")
        >>> round(found.mean, 3), found.gained, found.same, found.lost
        (0.133, 2, 1, 0)
    """
    both = base.select("query_id", base=measure).join(
        new.select("query_id", new=measure), on="query_id"
    )
    if len(both) < 2:
        msg = f"a comparison needs at least 2 shared queries, but got {len(both)}."
        raise ValueError(msg)
    # Below this lies only the rounding of sums.
    difference = (both["new"] - both["base"]).round(9).to_numpy()
    low, high = _interval(difference, seed)
    return Difference(
        mean=float(difference.mean()),
        low=low,
        high=high,
        p=_randomisation(difference, seed),
        gained=int((difference > 0).sum()),
        same=int((difference == 0).sum()),
        lost=int((difference < 0).sum()),
    )


def _interval(difference: np.ndarray, seed: int) -> tuple[float, float]:
    if (difference == difference[0]).all():  # nothing varies
        return float(difference[0]), float(difference[0])
    found = stats.bootstrap(
        (difference,),
        np.mean,
        n_resamples=RESAMPLES,
        batch=1000,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(found.low), float(found.high)


def _randomisation(difference: np.ndarray, seed: int) -> float:
    found = stats.permutation_test(
        (difference,),
        np.mean,
        permutation_type="samples",
        n_resamples=RESAMPLES,
        batch=1000,
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue)

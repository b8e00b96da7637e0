"""Whether one system is better than another on the same queries, and by how much.

Queries are paired. Over several collections the mean of the collections' means is
compared: each collection counts the same, and resampling stays within it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

RESAMPLES = 20_000
#: Differences below it are the rounding of sums.
_DECIMALS = 9
#: Of a two-sided test at 5% that finds a difference in 80 of 100 cases.
_DETECTS = float(stats.norm.ppf(0.975) + stats.norm.ppf(0.8))

Differences = Sequence[NDArray[np.float64]]
"""new - base of each query, an array a collection."""


class Difference(NamedTuple):
    """A paired comparison of two systems.

    Attributes:
        mean: Mean of new - base over the queries.
        low: Lower end of the 95% bootstrap interval of the mean.
        high: Its upper end.
        detectable: The smallest true difference that a two-sided test at 5% finds with
            a probability of 80%: 2.80 standard errors of the mean.
        gained: Queries that are better under the new system.
        same: Queries with equal values.
        lost: Queries that are worse.
    """

    mean: float
    low: float
    high: float
    detectable: float
    gained: int
    same: int
    lost: int

    @property
    def queries(self) -> int:
        """How many were paired."""
        return self.gained + self.same + self.lost


def paired(base: pl.DataFrame, new: pl.DataFrame, measure: str) -> Differences:
    """Differences of the queries that both systems have.

    Args:
        base: query_id and a column of the measure; collection too where there are
            several.
        new: The same of the other system.
        measure: Name of the column, such as nDCG@10.

    Raises:
        ValueError: If a query stands there twice, which would pair each with each.

    Example:
        >>> base = pl.DataFrame({"query_id": ["a", "b"], "AP": [0.1, 0.2]})
        >>> new = pl.DataFrame({"query_id": ["b", "a"], "AP": [0.5, 0.1]})
        >>> paired(base, new, "AP")
        [array([0. , 0.3])]
    """
    keys = [name for name in ("collection", "query_id") if name in base.columns]
    for table in (base, new):
        _refuse_repeated(table.select(keys))
    both = base.select(*keys, base=measure).join(
        new.select(*keys, new=measure), on=keys, maintain_order="left"
    )
    difference = (pl.col("new") - pl.col("base")).round(_DECIMALS)
    both = both.select(*keys, difference=difference).drop_nulls()
    if keys == ["query_id"]:
        return [both["difference"].to_numpy()]
    parts = both.partition_by("collection", maintain_order=True)
    return [part["difference"].to_numpy() for part in parts]


def _refuse_repeated(keys: pl.DataFrame) -> None:
    repeated = keys.filter(keys.is_duplicated())
    if not repeated.is_empty():
        *collection, query = repeated.row(0)
        place = f"{collection[0]}: " if collection else ""
        msg = (
            f"{place}query {query!r} has several values of one system, and only one "
            "can be paired. Keep one value of each query."
        )
        raise ValueError(msg)


def describe(differences: Differences, seed: int = 13) -> Difference:
    """Mean, interval and counts of paired differences.

    Args:
        differences: What `paired` gave.
        seed: Of the bootstrap, 20,000 samples.

    Raises:
        ValueError: If a collection has fewer than two queries, or there is none.

    Example:
        >>> found = describe([np.array([0.3, 0.1, 0.0])])
        >>> round(found.mean, 3), found.gained, found.same, found.lost
        (0.133, 2, 1, 0)
    """
    fewest = min(map(len, differences), default=0)
    if fewest < 2:
        msg = f"a comparison needs at least 2 shared queries, but got {fewest}."
        raise ValueError(msg)
    gained, same, lost = signs(differences)
    mean = float(_mean(*differences))
    low, high = _interval(differences, seed)
    return Difference(
        mean=mean,
        low=low,
        high=high,
        detectable=_DETECTS * _standard_error(differences),
        gained=gained,
        same=same,
        lost=lost,
    )


def signs(differences: Differences) -> tuple[int, int, int]:
    """How many queries gained, stayed the same, and lost.

    Args:
        differences: What `paired` gave.

    Example:
        >>> signs([np.array([0.3, 0.0]), np.array([0.1, -0.2])])
        (2, 1, 1)
    """
    every = np.concatenate(differences)
    return int((every > 0).sum()), int((every == 0).sum()), int((every < 0).sum())


def randomisation(differences: Differences, seed: int = 13) -> float:
    """Two-sided p of the randomisation test: signs of the differences are flipped.

    All flips are counted where they are at most 20,000, else so many are drawn.

    Args:
        differences: What `paired` gave.
        seed: Of the draw.

    Example:
        >>> randomisation([np.array([0.1, 0.2, 0.3])])  # 2 of 8 flips
        0.25
    """
    # A flip turns the sign of a query's share of the mean, whatever its collection.
    share = [part / len(part) for part in differences]
    found = stats.permutation_test(
        (np.concatenate(share),),
        np.sum,
        permutation_type="samples",
        n_resamples=RESAMPLES,
        batch=1000,
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue)


def t_test(differences: Differences) -> float:
    """Two-sided p of the paired t test.

    Over several collections the standard errors are added as those of independent
    means, with the degrees of freedom of Welch and Satterthwaite.

    Args:
        differences: What `paired` gave.

    Example:
        >>> round(t_test([np.array([0.1, 0.2, 0.3])]), 4)  # t = 3.464, 2 degrees
        0.0742
    """
    mean, error = float(_mean(*differences)), _standard_error(differences)
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    variances = np.array([part.var(ddof=1) / len(part) for part in differences])
    freedom = np.array([len(part) - 1 for part in differences])
    degrees = variances.sum() ** 2 / (variances**2 / freedom).sum()
    return float(2 * stats.t.sf(abs(mean) / error, degrees))


def holm(p: Sequence[float]) -> list[float]:
    """Adjusts p values of a family by Holm's step-down rule, in their order.

    The i-th smallest of m is multiplied by m - i + 1 and never under an earlier one;
    rejecting where the result is at most 5% keeps the probability of any false
    rejection in the family at 5%.

    Args:
        p: Values of the tests.

    Example:
        >>> holm([0.04, 0.01, 0.03])
        [0.06, 0.03, 0.06]
    """
    order = np.argsort(p, kind="stable")
    scaled = np.asarray(p)[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return [float(value) for value in adjusted]


def _mean(*parts: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
    """The mean of the collections' means; scipy gives samples in rows."""
    means = np.stack([part.mean(axis=axis) for part in parts])
    return np.asarray(means.mean(axis=0))


def _standard_error(parts: Differences) -> float:
    variances = [part.var(ddof=1) / len(part) for part in parts]
    return float(np.sqrt(sum(variances)) / len(parts))


def _interval(differences: Differences, seed: int) -> tuple[float, float]:
    if all((part == part[0]).all() for part in differences):  # nothing varies
        return (float(_mean(*differences)),) * 2
    found = stats.bootstrap(
        tuple(differences),
        _mean,
        n_resamples=RESAMPLES,
        batch=1000,
        vectorized=True,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(found.low), float(found.high)

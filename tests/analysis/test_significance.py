"""Paired comparisons: hand-worked numbers, exact tests, scipy, degenerate inputs."""

from itertools import product

import numpy as np
import polars as pl
import pytest
from scipy import stats

from dr_lightning.analysis.significance import (
    describe,
    holm,
    paired,
    randomisation,
    t_test,
)

BASE = [0.1, 0.4, 0.3, 0.0, 0.8, 0.2, 0.5, 0.6]
NEW = [0.3, 0.5, 0.2, 0.4, 0.9, 0.2, 0.6, 0.9]


def frame(values: list[float], **columns: str) -> pl.DataFrame:
    ids = [f"q{row}" for row in range(len(values))]
    table = pl.DataFrame({"query_id": ids, "nDCG@10": values})
    return table.with_columns(**{name: pl.lit(v) for name, v in columns.items()})


def test_p_is_the_share_of_sign_flips_at_least_as_far_from_zero() -> None:
    """8 queries: all 256 flips can be written out."""
    difference = np.subtract(NEW, BASE)
    means = [np.mean(difference * flip) for flip in product([1, -1], repeat=8)]
    exact = np.mean(np.abs(means) >= abs(difference.mean()) - 1e-12)
    pairs = paired(frame(BASE), frame(NEW), "nDCG@10")
    assert randomisation(pairs) == pytest.approx(exact)
    found = describe(pairs)
    assert found.mean == pytest.approx(difference.mean())
    assert (found.gained, found.same, found.lost) == (6, 1, 1)
    assert found.low < found.mean < found.high


def test_collections_count_the_same_and_are_flipped_within() -> None:
    """2 and 6 queries: every flip of the mean of the two means, in plain loops."""
    parts = [np.subtract(NEW, BASE)[:2], np.subtract(NEW, BASE)[2:]]
    observed = (sum(parts[0]) / 2 + sum(parts[1]) / 6) / 2
    extreme = 0
    for flip in product([1, -1], repeat=8):
        first = sum(d * s for d, s in zip(parts[0], flip[:2], strict=True)) / 2
        second = sum(d * s for d, s in zip(parts[1], flip[2:], strict=True)) / 6
        extreme += abs(first + second) / 2 >= abs(observed) - 1e-12
    assert randomisation(parts) == pytest.approx(extreme / 256)
    assert describe(parts).mean == pytest.approx(observed)


def test_the_bootstrap_of_several_collections_resamples_within_each() -> None:
    """The variance of the mean of two means is a quarter of the sum of variances."""
    generator = np.random.default_rng(1)
    parts = [generator.normal(0.0, 0.1, 300), generator.normal(0.5, 0.3, 60)]
    found = describe(parts)
    error = np.sqrt(parts[0].var() / 300 + parts[1].var() / 60) / 2
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.05)
    assert found.mean == pytest.approx((parts[0].mean() + parts[1].mean()) / 2)


def test_t_test_is_that_of_scipy() -> None:
    expected = stats.ttest_rel(NEW, BASE).pvalue
    pairs = paired(frame(BASE), frame(NEW), "nDCG@10")
    assert t_test(pairs) == pytest.approx(expected)


def test_t_test_over_collections_of_one_kind_is_close_to_that_of_all() -> None:
    generator = np.random.default_rng(2)
    parts = [generator.normal(0.02, 0.2, 200) for _ in range(2)]
    expected = stats.ttest_1samp(np.concatenate(parts), 0).pvalue
    assert t_test(parts) == pytest.approx(expected, rel=0.05)


def test_detectable_difference_is_found_in_80_of_100_draws() -> None:
    generator = np.random.default_rng(3)
    draws = generator.normal(0, 0.2, (2000, 100))
    detectable = describe([draws[0] * 0.2 / draws[0].std(ddof=1)]).detectable
    assert detectable == pytest.approx(2.8016 * 0.2 / 10, rel=1e-4)
    found = stats.ttest_1samp(draws + detectable, 0, axis=1).pvalue < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.03)


def test_holm_by_hand() -> None:
    """Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1: 0.02, 0.03, 0.06, 0.04.

    The last is raised to the one before it: 0.06. Nothing is above 1.
    """
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


def test_interval_is_that_of_the_normal_distribution_for_many_queries() -> None:
    generator = np.random.default_rng(0)
    difference = generator.normal(0.02, 0.2, 400).clip(-1, 1)
    found = describe([difference])
    half = 1.96 * difference.std(ddof=1) / 20
    assert found.high - found.low == pytest.approx(2 * half, rel=0.05)


def test_queries_are_paired_by_id_and_not_by_row() -> None:
    base = frame([0.1, 0.5, 0.9])
    pairs = paired(base, base.reverse(), "nDCG@10")
    found = describe(pairs)
    assert (found.mean, found.low, found.high, found.detectable) == (0, 0, 0, 0)
    assert randomisation(pairs) == t_test(pairs) == 1


def test_queries_of_one_id_in_two_collections_are_two() -> None:
    base = [frame([0.0, 0.0], collection=name) for name in ("one", "two")]
    new = [frame([0.1, 0.2], collection="one"), frame([0.6, 0.7], collection="two")]
    pairs = paired(pl.concat(base), pl.concat(new).reverse(), "nDCG@10")
    assert [part.tolist() for part in pairs] == [[0.1, 0.2], [0.6, 0.7]]


def test_another_number_of_queries_compares_those_that_both_have() -> None:
    pairs = paired(frame([0.1, 0.2, 0.3]), frame([0.2, 0.3]), "nDCG@10")
    assert describe(pairs).gained == 2


def test_a_query_without_a_value_is_not_compared() -> None:
    new = frame([0.2, 0.3, 0.4]).with_columns(
        pl.when(pl.col("query_id") != "q1").then("nDCG@10").alias("nDCG@10")
    )
    (part,) = paired(frame([0.1, 0.2, 0.3]), new, "nDCG@10")
    assert part.tolist() == [0.1, 0.1]


def test_one_query_is_no_comparison() -> None:
    with pytest.raises(ValueError, match="at least 2 shared queries, but got 1"):
        describe(paired(frame([0.1]), frame([0.2]), "nDCG@10"))


@pytest.mark.parametrize(
    ("columns", "message"),
    [({}, r"^query 'q0' has several"), ({"collection": "c"}, r"^c: query 'q0' has se")],
)
def test_a_query_that_stands_twice_cannot_be_paired(
    columns: dict[str, str], message: str
) -> None:
    once = frame(BASE, **columns)
    twice = pl.concat([once, once.head(1)])
    for pair in ((once, twice), (twice, once)):
        with pytest.raises(ValueError, match=message):
            paired(*pair, "nDCG@10")

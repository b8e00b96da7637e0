"""Paired comparisons: hand-worked numbers, the exact test, and degenerate inputs."""

from itertools import product

import numpy as np
import polars as pl
import pytest

from dr_lightning.analysis.significance import compare


def frame(values: list[float]) -> pl.DataFrame:
    ids = [f"q{row}" for row in range(len(values))]
    return pl.DataFrame({"query_id": ids, "nDCG@10": values})


def test_p_is_the_share_of_sign_flips_at_least_as_far_from_zero() -> None:
    """8 queries: all 256 flips can be written out."""
    base = [0.1, 0.4, 0.3, 0.0, 0.8, 0.2, 0.5, 0.6]
    new = [0.3, 0.5, 0.2, 0.4, 0.9, 0.2, 0.6, 0.9]
    difference = np.subtract(new, base)
    means = [np.mean(difference * flip) for flip in product([1, -1], repeat=8)]
    exact = np.mean(np.abs(means) >= abs(difference.mean()) - 1e-12)
    found = compare(frame(base), frame(new), "nDCG@10")
    assert found.p == pytest.approx(exact)
    assert found.mean == pytest.approx(difference.mean())
    assert (found.gained, found.same, found.lost) == (6, 1, 1)
    assert found.low < found.mean < found.high


def test_interval_is_that_of_the_normal_distribution_for_many_queries() -> None:
    generator = np.random.default_rng(0)
    difference = generator.normal(0.02, 0.2, 400).clip(-1, 1)
    base = np.full(400, 0.5)
    found = compare(
        frame(base.tolist()), frame((base + difference).tolist()), "nDCG@10"
    )
    half = 1.96 * difference.std(ddof=1) / 20
    assert found.high - found.low == pytest.approx(2 * half, rel=0.05)


def test_queries_are_paired_by_id_and_not_by_row() -> None:
    base = frame([0.1, 0.5, 0.9])
    found = compare(base, base.reverse(), "nDCG@10")
    assert found.mean == 0
    assert (found.low, found.high, found.p) == (0, 0, 1)


def test_another_number_of_queries_compares_those_that_both_have() -> None:
    found = compare(frame([0.1, 0.2, 0.3]), frame([0.2, 0.3]), "nDCG@10")
    assert found.gained == 2


def test_one_query_is_no_comparison() -> None:
    with pytest.raises(ValueError, match="at least 2 shared queries, but got 1"):
        compare(frame([0.1]), frame([0.2]), "nDCG@10")

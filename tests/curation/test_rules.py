"""Settings out of range are refused by name."""

import pytest

from dr_lightning.curation.rules import ListRules


def test_the_defaults_are_the_papers() -> None:
    rules = ListRules()
    assert (rules.list_length, rules.min_candidates) == (20, 20)
    assert rules.percentiles == (1, 25, 99)


def test_a_list_needs_a_positive_and_a_negative() -> None:
    with pytest.raises(ValueError, match="list_length must be at least 2, but got 1"):
        ListRules(list_length=1)


def test_min_candidates_is_positive() -> None:
    with pytest.raises(ValueError, match="min_candidates must be at least 1"):
        ListRules(min_candidates=0)


def test_depth_reaches_min_candidates() -> None:
    match = r"depth must be at least 20 \(min_candidates\), but got 10"
    with pytest.raises(ValueError, match=match):
        ListRules(depth=10)


@pytest.mark.parametrize(
    "percentiles", [(25, 1, 99), (-1, 25, 99), (1, 25, 101), (50, 50, 50)]
)
def test_percentiles_ascend_within_a_hundred(
    percentiles: tuple[float, float, float],
) -> None:
    with pytest.raises(ValueError, match="percentiles must be three ascending"):
        ListRules(percentiles=percentiles)

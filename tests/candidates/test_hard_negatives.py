"""Settings of hard negatives that make no sense are refused."""

import pytest

from dr_lightning.candidates import HardNegatives


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="range_min and seed must be at least 0"):
        HardNegatives(range_min=-1)
    with pytest.raises(ValueError, match=r"seed must be at least 0, .* seed -1"):
        HardNegatives(seed=-1)
    with pytest.raises(ValueError, match="per_query must be at least 1, or null"):
        HardNegatives(per_query=0)
    with pytest.raises(
        ValueError, match=r"leave room for per_query negatives .*_max 5"
    ):
        HardNegatives(range_min=3, range_max=5, per_query=3)
    with pytest.raises(ValueError, match="leave room"):
        HardNegatives(range_min=3, range_max=3)
    with pytest.raises(ValueError, match="sampling random needs per_query"):
        HardNegatives(sampling="random")


def test_settings_on_scores_are_known() -> None:
    assert HardNegatives(range_min=3).on_scores == []
    some = HardNegatives(min_score=0.0, absolute_margin=0.1)
    assert some.on_scores == ["absolute_margin", "min_score"]

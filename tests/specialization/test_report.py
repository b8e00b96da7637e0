"""What the report says of a comparison, in a sentence."""

import polars as pl
import pytest

from dr_lightning.specialization.report import verdict

GAINS = {
    "Better than the base in AP: +0.1": [0.1, 0.2, 0.1, 0.2, 0.1, 0.2],
    "Worse than the base in AP: -0.1": [-0.1, -0.2, -0.1, -0.2, -0.1, -0.2],
    "No difference from the base in AP that 6 queries": [0.1, -0.2, 0.1, -0.1, 0.1, 0],
    "A single query tells nothing": [0.3],
}


@pytest.mark.parametrize(("told", "gains"), GAINS.items())
def test_a_difference_beyond_chance_is_told_from_one_within(
    told: str, gains: list[float]
) -> None:
    ids = [f"q{row}" for row in range(len(gains))]
    base = pl.DataFrame({"query_id": ids, "AP": [0.5] * len(gains)})
    specialised = base.with_columns(AP=pl.col("AP") + pl.Series(gains))
    found = verdict({"base": base, "specialised": specialised})
    assert found.startswith(told)
    assert ("Keep the base" in found) == ("Worse" in told)

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dr_lightning.models.dealing import deal
from dr_lightning.models.micro_batch import micro_batches

COSTS = st.lists(st.integers(1, 600), max_size=60).map(
    lambda costs: np.array(costs, dtype=np.int64)
)


@given(COSTS, st.integers(1, 9))
def test_each_row_is_dealt_once_and_loads_differ_by_one_text(
    costs: np.ndarray, ranks: int
) -> None:
    shares = deal(costs, ranks)
    assert len(shares) == ranks
    assert sorted(np.concatenate(shares)) == list(range(len(costs)))
    assert all((np.diff(share) > 0).all() for share in shares)
    loads = [int(costs[share].sum()) for share in shares]
    assert max(loads) - min(loads) <= costs.max(initial=0)


def test_many_texts_give_nearly_equal_loads() -> None:
    costs = np.random.default_rng(0).integers(8, 512, 2000)
    loads = [costs[share].sum() for share in deal(costs, 8)]
    assert max(loads) <= 1.001 * min(loads)


@given(COSTS, st.integers(1, 2000))
def test_micro_batches_hold_each_row_once_within_the_budget(
    costs: np.ndarray, budget: int
) -> None:
    parts = list(micro_batches(costs, budget))
    rows = [row for part in parts for row in part]
    assert sorted(rows) == list(range(len(costs)))
    for part in parts:
        assert len(part) == 1 or len(part) * costs[part].max() <= budget
    longest = [costs[part].max() for part in parts]
    assert longest == sorted(longest, reverse=True)

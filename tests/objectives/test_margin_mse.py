import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dr_lightning.objectives import ListwiseKL, MarginMSE

Batch = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


def slot_by_slot(scale: float, batch: Batch) -> float:
    """The definition over (query, positive, negative) triples, in Python floats."""
    query, passage, lists, teacher_scores, _ = (t.tolist() for t in batch)
    squares: list[float] = []
    for i, own in enumerate(lists):
        cosines = [
            sum(a * b for a, b in zip(query[i], passage[row], strict=True))
            for row in own
        ]
        for slot in range(1, len(own)):
            if own[slot] >= 0:
                student = scale * (cosines[0] - cosines[slot])
                teacher = teacher_scores[i][0] - teacher_scores[i][slot]
                squares.append((student - teacher) ** 2)
    return sum(squares) / max(len(squares), 1)


def test_hand_worked() -> None:
    """Scores 0.9, 0.7, 0.4 and 0.5, 0.6; scale 2.

    Margins of the student 2 * 0.2 = 0.4, 2 * 0.5 = 1.0 and 2 * -0.1 = -0.2, of the
    teacher 0.5, 1.0 and 0.3: squares 0.01, 0 and 0.25, over three slots.
    """
    query = torch.eye(2, dtype=torch.float64)
    passage = torch.tensor([[0.9, 0.5], [0.7, 0.6], [0.4, 0.0]], dtype=torch.float64)
    lists = torch.tensor([[0, 1, 2], [0, -1, 1]])
    teacher = torch.tensor([[1.0, 0.5, 0.0], [0.8, math.nan, 0.5]], dtype=torch.float64)
    value = MarginMSE(scale=2.0)(query, passage, lists, teacher)
    assert value.item() == pytest.approx(0.26 / 3, abs=1e-12)


@settings(deadline=None, max_examples=100)
@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([0.5, 1.0, 6.0]))
def test_equals_the_definition_slot_by_slot(
    random_batch: Callable[[int], Batch], seed: int, scale: float
) -> None:
    batch = random_batch(seed)
    expected = slot_by_slot(scale, batch)
    assert MarginMSE(scale)(*batch).item() == pytest.approx(expected, rel=1e-9)


def test_shift_of_teacher_scores_changes_nothing(
    batch: Batch,
) -> None:
    query, passage, lists, teacher_scores, _ = batch
    value = MarginMSE()(query, passage, lists, teacher_scores)
    shifted = MarginMSE()(query, passage, lists, teacher_scores + 7.0)
    torch.testing.assert_close(shifted, value, rtol=0, atol=1e-12)


def test_default_scale_vanishes_where_listwise_kl_does() -> None:
    """Cosines at a sixth of the teacher scores, the ratio of KL's temperatures."""
    teacher_scores = torch.tensor([[1.0, 0.6, 0.0]], dtype=torch.float64)
    query, passage = torch.ones(1, 1, dtype=torch.float64), teacher_scores.T / 6 + 0.5
    for objective in (MarginMSE(), ListwiseKL()):
        value = objective(query, passage, torch.tensor([[0, 1, 2]]), teacher_scores)
        assert value.item() == pytest.approx(0.0, abs=1e-12)


def test_zero_for_lists_of_a_positive_alone() -> None:
    query = torch.ones(1, 1, requires_grad=True)
    lists = torch.tensor([[0, -1]])
    value = MarginMSE()(query, torch.ones(1, 1), lists, torch.tensor([[1.0, math.nan]]))
    value.backward()
    assert value.item() == 0.0
    assert query.grad is not None
    assert query.grad.item() == 0.0


def test_refuses_a_scale_that_is_not_positive() -> None:
    with pytest.raises(ValueError, match="scale must be a finite number above 0"):
        MarginMSE(scale=0.0)

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dr_lightning.objectives import InfoNCE

Batch = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]

# q0 has e^score 2, 1, 3 with the passages, q1 has 1, 5, 1. Passage 2 is the hard
# negative of both.
QUERY = torch.eye(2, dtype=torch.float64)
PASSAGE = torch.tensor([[2.0, 1.0], [1.0, 5.0], [3.0, 1.0]], dtype=torch.float64).log()
LISTS = torch.tensor([[0, 2], [1, 2]])


def slot_by_slot(objective: InfoNCE, batch: Batch) -> float:
    """The definition, one slot of one list at a time, in Python floats."""
    query, passage, lists, teacher_scores, excluded = (t.tolist() for t in batch)
    temperature, ratio = objective.temperature, objective.false_negative_ratio

    def exp_score(i: int, row: int) -> float:
        score = sum(a * b for a, b in zip(query[i], passage[row], strict=True))
        return math.exp(score / temperature)

    total = 0.0
    for i, own in enumerate(lists):
        masked = {own[0], *excluded[i]}
        for row, score in zip(own, teacher_scores[i], strict=True):
            if row >= 0 and ratio is not None and score > ratio * teacher_scores[i][0]:
                masked.add(row)
        negatives = []
        for other in lists:
            for slot, row in enumerate(other):
                if (
                    row < 0
                    or row in masked
                    or (slot > 0 and not objective.hard_negatives)
                ):
                    continue
                if objective.count_repeats or row not in negatives:
                    negatives.append(row)
        positive = exp_score(i, own[0])
        denominator = positive + sum(exp_score(i, row) for row in negatives)
        total -= math.log(positive / denominator)
    return total / len(lists)


def test_hand_worked() -> None:
    """Passage 2 fills two slots and counts twice.

    q0: 2 / (2 + 1 + 2 * 3) = 1/4.5; q1: 5 / (5 + 1 + 2 * 1) = 1/1.6.
    Mean of log 4.5 and log 1.6.
    """
    value = InfoNCE(temperature=1.0)(QUERY, PASSAGE, LISTS)
    assert value.item() == pytest.approx((math.log(4.5) + math.log(1.6)) / 2)


def test_counts_once_without_count_repeats() -> None:
    """q0: 2 / (2 + 1 + 3) = 1/3; q1: 5 / (5 + 1 + 1) = 1/1.4."""
    value = InfoNCE(temperature=1.0, count_repeats=False)(QUERY, PASSAGE, LISTS)
    assert value.item() == pytest.approx((math.log(3) + math.log(1.4)) / 2)


def test_only_positives_without_hard_negatives() -> None:
    """q0: 2 / (2 + 1) = 1/1.5; q1: 5 / (5 + 1) = 1/1.2."""
    value = InfoNCE(temperature=1.0, hard_negatives=False)(QUERY, PASSAGE, LISTS)
    assert value.item() == pytest.approx((math.log(1.5) + math.log(1.2)) / 2)


def test_masks_strictly_above_the_ratio_in_every_list() -> None:
    """0.7 is above 0.6 of 1, so q0 loses passage 2 from q1's list too; 0.6 is not.

    q0: 2 / (2 + 1) = 1/1.5; q1: 5 / (5 + 1 + 2) = 1/1.6.
    """
    teacher_scores = torch.tensor([[1.0, 0.7], [1.0, 0.6]], dtype=torch.float64)
    objective = InfoNCE(temperature=1.0)
    value = objective(QUERY, PASSAGE, LISTS, teacher_scores)
    assert value.item() == pytest.approx((math.log(1.5) + math.log(1.6)) / 2)


@pytest.mark.parametrize("teacher_scores", [None, [[1.0, 0.9], [1.0, math.nan]]])
def test_masks_nothing_without_ratio(teacher_scores: list[list[float]] | None) -> None:
    """As in the first test."""
    scores = None if teacher_scores is None else torch.tensor(teacher_scores)
    objective = InfoNCE(temperature=1.0, false_negative_ratio=None)
    value = objective(QUERY, PASSAGE, LISTS, scores)
    assert value.item() == pytest.approx((math.log(4.5) + math.log(1.6)) / 2)


def test_unknown_teacher_score_masks_nothing() -> None:
    """q0 has teacher scores and loses passage 2, q1 has none and loses nothing."""
    scores = torch.tensor([[1.0, 0.7], [math.nan, math.nan]])
    value = InfoNCE(temperature=1.0)(QUERY, PASSAGE, LISTS, scores)
    assert value.item() == pytest.approx((math.log(1.5) + math.log(1.6)) / 2)


def test_excluded_is_no_negative_and_positive_stays() -> None:
    """q0 excludes q1's positive; q1 excludes passage 2 and, to no effect, its own.

    q0: 2 / (2 + 2 * 3) = 1/4; q1: 5 / (5 + 1) = 1/1.2.
    """
    excluded = torch.tensor([[1, -1], [2, 1]])
    value = InfoNCE(temperature=1.0)(QUERY, PASSAGE, LISTS, None, excluded)
    assert value.item() == pytest.approx((math.log(4) + math.log(1.2)) / 2)


def test_shared_positive_is_no_negative() -> None:
    """Both queries have passage 0 as positive and nothing else: nothing to tell."""
    value = InfoNCE()(QUERY, PASSAGE, torch.tensor([[0, -1], [0, -1]]))
    assert value.item() == 0.0


@settings(deadline=None, max_examples=100)
@given(
    seed=st.integers(0, 2**32 - 1),
    temperature=st.sampled_from([0.01, 0.05, 1.0]),
    ratio=st.sampled_from([None, 0.3, 0.6, 1.2]),
    hard_negatives=st.booleans(),
    count_repeats=st.booleans(),
)
def test_equals_the_definition_slot_by_slot(
    random_batch: Callable[[int], Batch],
    seed: int,
    temperature: float,
    ratio: float | None,
    hard_negatives: bool,
    count_repeats: bool,
) -> None:
    objective = InfoNCE(temperature, ratio, hard_negatives, count_repeats)
    batch = random_batch(seed)
    expected = slot_by_slot(objective, batch)
    assert objective(*batch).item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_gradient_counts_repeats_slot_by_slot() -> None:
    """The same gradient as from a matrix with one column a slot of every list."""
    query = QUERY.clone().requires_grad_()
    passage = PASSAGE.clone().requires_grad_()
    logits = query @ passage[torch.tensor([0, 2, 1, 2])].T
    expected = (
        logits.logsumexp(1) - logits.gather(1, torch.tensor([[0], [2]]))[:, 0]
    ).mean()
    wanted = torch.autograd.grad(expected, (query, passage))
    value = InfoNCE(temperature=1.0)(query, passage, LISTS)
    for got, want in zip(
        torch.autograd.grad(value, (query, passage)), wanted, strict=True
    ):
        torch.testing.assert_close(got, want, rtol=0, atol=1e-12)


def test_finite_at_opposite_cosines() -> None:
    """The positive at cosine -1 and 20 negatives at 1: 200 + log 20 in float32."""
    query = torch.tensor([[1.0, 0.0]], requires_grad=True)
    passage = torch.tensor([[-1.0, 0.0]] + [[1.0, 0.0]] * 20, requires_grad=True)
    value = InfoNCE(temperature=0.01)(query, passage, torch.arange(21)[None])
    value.backward()
    assert value.item() == pytest.approx(200 + math.log(20))
    assert query.grad is not None
    assert passage.grad is not None
    assert query.grad.isfinite().all()
    assert passage.grad.isfinite().all()


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("name", ["temperature", "false_negative_ratio"])
def test_refuses_settings_that_are_not_positive(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a finite number above 0"):
        InfoNCE(**{name: value})  # type: ignore[arg-type]

import math

import pytest
import torch
from torch import Tensor

from dr_lightning.objectives import (
    InfoNCE,
    ListwiseKL,
    MarginMSE,
    Objective,
    WeightedSum,
)
from dr_lightning.objectives.block import Block

Batch = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


def test_hand_worked() -> None:
    """One query scores 0 with two passages; the teacher gives them 2/3 and 1/3.

    KL is 2/3 log 4/3 + 1/3 log 2/3, InfoNCE log 2; their sum 2 KL + 0.5 log 2.
    """
    objective = WeightedSum(
        [ListwiseKL(teacher_temperature=1.0), InfoNCE(false_negative_ratio=None)],
        weights=[2.0, 0.5],
    )
    zeros = (
        torch.zeros(1, 2, dtype=torch.float64),
        torch.zeros(2, 2, dtype=torch.float64),
    )
    teacher_scores = torch.tensor([[math.log(2), 0.0]], dtype=torch.float64)
    batch = (*zeros, torch.tensor([[0, 1]]), teacher_scores)
    kl = 2 / 3 * math.log(4 / 3) + 1 / 3 * math.log(2 / 3)
    terms = {name: term.item() for name, term in objective.terms(*batch).items()}
    assert terms == pytest.approx({"listwise_kl": kl, "info_nce": math.log(2)})
    assert objective(*batch).item() == pytest.approx(2 * kl + 0.5 * math.log(2))


def test_equals_its_parts(batch: Batch) -> None:
    """Value and gradient, computed apart and added up."""
    query, passage, *rest = batch
    parts: list[Objective] = [ListwiseKL(), InfoNCE(), MarginMSE()]
    weights = [1.0, 0.1, 0.0]
    value = WeightedSum(parts, weights)(query, passage, *rest)
    apart = sum(
        weight * part(query, passage, *rest)
        for part, weight in zip(parts, weights, strict=True)
    )
    torch.testing.assert_close(value, apart, rtol=0, atol=1e-12)
    gradient = torch.autograd.grad(value, (query, passage))
    wanted = torch.autograd.grad(apart, (query, passage))
    torch.testing.assert_close(gradient, wanted, rtol=0, atol=1e-12)


def test_sums_nest(batch: Batch) -> None:
    inner = WeightedSum([ListwiseKL(), InfoNCE()], [1.0, 0.1])
    outer = WeightedSum([inner, MarginMSE()], [3.0, 1.0])
    assert set(outer.terms(*batch)) == {"weighted_sum", "margin_mse"}
    expected = 3 * inner(*batch) + MarginMSE()(*batch)
    torch.testing.assert_close(outer(*batch), expected, rtol=0, atol=1e-12)


def test_repeated_names_are_numbered(batch: Batch) -> None:
    objective = WeightedSum(
        [ListwiseKL(), ListwiseKL(scope="batch"), InfoNCE()], [1.0, 1.0, 1.0]
    )
    names = ["listwise_kl_1", "listwise_kl_2", "info_nce"]
    assert list(objective.terms(*batch)) == names
    assert set(objective.diagnostics(*batch)) == {
        f"{name}/{model}_entropy"
        for name in names[:2]
        for model in ("teacher", "student")
    }


def test_diagnostics_keep_their_names(batch: Batch) -> None:
    objective = WeightedSum([ListwiseKL(), InfoNCE()], [1.0, 0.1])
    found = objective.diagnostics(*batch)
    assert set(found) == {"teacher_entropy", "student_entropy"}


def test_needs_what_its_parts_need() -> None:
    alone = WeightedSum([InfoNCE()], [1.0])
    both = WeightedSum([InfoNCE(), ListwiseKL()], [1.0, 1.0])
    assert (alone.needs_teacher_scores, alone.min_list_length) == (False, 1)
    assert (both.needs_teacher_scores, both.min_list_length) == (True, 2)


def test_calibrates_its_parts() -> None:
    objective = WeightedSum(
        [ListwiseKL(teacher_temperature="match"), InfoNCE()], [1.0, 1.0]
    )
    assert objective.needs_calibration
    scores = torch.rand(20, 5, generator=torch.Generator().manual_seed(0))
    lists = torch.arange(5).expand(20, 5)
    objective.calibrate([Block(scores, torch.eye(5), lists, scores)])
    assert not objective.needs_calibration
    (value,) = objective.state_dict().values()
    assert value.item() == pytest.approx(0.05)


def test_refuses_other_than_one_weight_each() -> None:
    with pytest.raises(ValueError, match="got 1 objectives and 2 weights"):
        WeightedSum([InfoNCE()], [1.0, 2.0])
    with pytest.raises(ValueError, match="got 0 objectives and 0 weights"):
        WeightedSum([], [])


@pytest.mark.parametrize("weight", [-0.1, math.nan, math.inf])
def test_refuses_weights_that_are_none(weight: float) -> None:
    with pytest.raises(ValueError, match="weights must be finite and 0 or above"):
        WeightedSum([InfoNCE()], [weight])

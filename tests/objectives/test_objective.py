"""What holds for every objective."""

import copy
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonargparse import auto_cli
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from dr_lightning import objectives
from dr_lightning.objectives import (
    InfoNCE,
    ListwiseKL,
    MarginMSE,
    Objective,
    WeightedSum,
    block,
)

Batch = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
MakeBatch = Callable[[int], Batch]

OBJECTIVES = [
    InfoNCE(temperature=0.1),
    InfoNCE(temperature=0.1, hard_negatives=False, count_repeats=False),
    ListwiseKL(),
    ListwiseKL(scope="batch"),
    MarginMSE(),
    WeightedSum([ListwiseKL(), InfoNCE(temperature=0.1)], [1.0, 0.1]),
]
every_objective = pytest.mark.parametrize(
    "objective",
    OBJECTIVES,
    ids=["info_nce", "positives", "kl_list", "kl_batch", "margin_mse", "sum"],
)


def value_and_gradient(
    objective: Objective, batch: Batch, rows: slice | None = None
) -> list[Tensor]:
    value = objective(*batch, rows=rows)
    return [value, *torch.autograd.grad(value, batch[:2])]


@every_objective
@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1), first=st.integers(0, 6), second=st.integers(0, 6)
)
def test_rows_add_up(
    random_batch: MakeBatch, objective: Objective, seed: int, first: int, second: int
) -> None:
    """Shares of a partition, some of them empty, in value and gradient."""
    batch = random_batch(seed)
    low, high = sorted((first, second))
    shares = [slice(None, low), slice(low, high), slice(high, None)]
    parts = [value_and_gradient(objective, batch, rows) for rows in shares]
    whole = value_and_gradient(objective, batch)
    for numbers, wanted in zip(zip(*parts, strict=True), whole, strict=True):
        torch.testing.assert_close(sum(numbers), wanted, rtol=1e-12, atol=1e-12)


@every_objective
def test_chunks_change_nothing(
    batch: Batch, objective: Objective, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All queries in one chunk, and each in a chunk of its own."""
    whole = value_and_gradient(objective, batch)
    monkeypatch.setattr(block, "CHUNK_ELEMENTS", 1)
    apart = value_and_gradient(objective, batch)
    torch.testing.assert_close(apart, whole, rtol=0, atol=1e-12)


@every_objective
def test_gradient_is_that_of_finite_differences(
    batch: Batch, objective: Objective
) -> None:
    query, passage, *rest = batch
    assert torch.autograd.gradcheck(
        lambda q, p: objective(q, p, *rest), (query, passage), fast_mode=False
    )
    for gradient in value_and_gradient(objective, (query, passage, *rest))[1:]:  # type: ignore[arg-type]
        assert gradient.abs().sum() > 0


@every_objective
def test_order_of_passages_changes_nothing(batch: Batch, objective: Objective) -> None:
    query, passage, lists, teacher_scores, excluded = batch
    order = torch.randperm(len(passage), generator=torch.Generator().manual_seed(0))
    new_row = torch.cat([order.argsort(), torch.tensor([-1])])  # -1 stays -1
    value = objective(query, passage, lists, teacher_scores, excluded)
    other = objective(
        query, passage[order], new_row[lists], teacher_scores, new_row[excluded]
    )
    torch.testing.assert_close(other, value, rtol=0, atol=1e-12)


@every_objective
def test_order_of_negatives_changes_nothing(batch: Batch, objective: Objective) -> None:
    query, passage, lists, teacher_scores, excluded = batch
    slots = torch.tensor([0, *range(lists.shape[1] - 1, 0, -1)])
    value = objective(query, passage, lists, teacher_scores, excluded)
    other = objective(
        query, passage, lists[:, slots], teacher_scores[:, slots], excluded.flip(1)
    )
    torch.testing.assert_close(other, value, rtol=0, atol=1e-12)


@every_objective
def test_empty_slots_are_never_read(batch: Batch, objective: Objective) -> None:
    """NaN as their teacher score, or any number."""
    query, passage, lists, teacher_scores, excluded = batch
    assert teacher_scores.isnan().any()
    wanted = value_and_gradient(objective, batch)
    others = (query, passage, lists, teacher_scores.nan_to_num(9.0), excluded)
    torch.testing.assert_close(value_and_gradient(objective, others), wanted)


@every_objective
def test_autocast_changes_nothing(batch: Batch, objective: Objective) -> None:
    """Forward under bf16 autocast, backward outside, as Lightning does."""
    query, passage, lists, teacher_scores, excluded = batch
    single = (
        query.detach().float().requires_grad_(),
        passage.detach().float().requires_grad_(),
        lists,
        teacher_scores.float(),
        excluded,
    )
    wanted = value_and_gradient(objective, single)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = objective(*single)
    assert value.dtype == torch.float32
    got = [value, *torch.autograd.grad(value, single[:2])]
    torch.testing.assert_close(got, wanted, rtol=0, atol=0)


@every_objective
def test_bfloat16_embeddings_are_upcast(batch: Batch, objective: Objective) -> None:
    query, passage, lists, teacher_scores, excluded = batch
    half = (
        query.detach().bfloat16().requires_grad_(),
        passage.detach().bfloat16().requires_grad_(),
        lists,
        teacher_scores.bfloat16(),
        excluded,
    )
    value, *gradients = value_and_gradient(objective, half)
    exact = objective(half[0].double(), half[1].double(), lists, half[3], excluded)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, exact.float())
    for gradient in gradients:
        assert gradient.dtype == torch.bfloat16
        assert gradient.isfinite().all()


@every_objective
def test_never_waits_for_the_device(batch: Batch, objective: Objective) -> None:
    """Fake tensors have shapes but no contents: reading one would raise."""
    mode = FakeTensorMode()
    fake = [mode.from_tensor(tensor) for tensor in batch]
    model = copy.deepcopy(objective)
    with mode:
        model(*fake).backward()


@every_objective
def test_int32_lists_are_accepted(batch: Batch, objective: Objective) -> None:
    query, passage, lists, teacher_scores, excluded = batch
    value = objective(query, passage, lists, teacher_scores, excluded)
    other = objective(query, passage, lists.int(), teacher_scores, excluded.int())
    assert value == other


def test_only_listwise_kl_has_diagnostics(batch: Batch) -> None:
    assert InfoNCE().diagnostics(*batch) == {}
    assert MarginMSE().diagnostics(*batch) == {}


def test_nothing_to_calibrate() -> None:
    objective = InfoNCE()
    assert not objective.needs_calibration
    objective.calibrate([])
    assert objective.state_dict() == {}


@pytest.mark.parametrize("objective", OBJECTIVES[2:])
def test_refuses_lists_without_teacher_scores(objective: Objective) -> None:
    one = torch.ones(1, 1)
    with pytest.raises(ValueError, match="learns from teacher scores, but the lists"):
        objective(one, one, torch.tensor([[0, -1]]))


@pytest.mark.parametrize("objective", OBJECTIVES[2:])
def test_refuses_lists_of_one_passage(objective: Objective) -> None:
    one = torch.ones(1, 1)
    with pytest.raises(
        ValueError, match="needs lists of at least 2, but got lists of 1"
    ):
        objective(one, one, torch.tensor([[0]]), one)


def test_info_nce_takes_lists_of_one_passage() -> None:
    """The positive at cosine 1 and another query's at 0: log(1 + 1/e)."""
    eye = torch.eye(2)
    value = InfoNCE(temperature=1.0)(eye, eye, torch.tensor([[0], [1]]))
    torch.testing.assert_close(value, torch.tensor(1 + torch.e).log() - 1)


def test_all_is_sorted() -> None:
    assert objectives.__all__ == sorted(objectives.__all__)


def build(objective: Objective) -> Objective:
    """Stands for whatever takes an objective."""
    return objective


def test_bare_class_names_build_a_sum() -> None:
    config = """{
      "class_path": "WeightedSum",
      "init_args": {
        "objectives": [
          {"class_path": "ListwiseKL", "init_args": {"teacher_temperature": "match"}},
          {"class_path": "InfoNCE"}
        ],
        "weights": [1.0, 0.1]
      }
    }"""
    objective = auto_cli(build, args=[f"--objective={config}"], as_positional=False)
    assert isinstance(objective, WeightedSum)
    assert objective.weights == {"listwise_kl": 1.0, "info_nce": 0.1}
    assert objective.needs_calibration


def test_bare_class_name_with_an_option() -> None:
    args = ["--objective=InfoNCE", "--objective.temperature=0.05"]
    objective = auto_cli(build, args=args, as_positional=False)
    assert isinstance(objective, InfoNCE)
    assert objective.temperature == 0.05

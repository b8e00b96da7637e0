import copy
import math
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from dr_lightning.objectives import ListwiseKL
from dr_lightning.objectives.block import Block

Batch = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]

# One query that scores 0 with three passages, the first two of them listed.
QUERY = torch.zeros(1, 2, dtype=torch.float64)
PASSAGE = torch.ones(3, 2, dtype=torch.float64)
LISTS = torch.tensor([[0, -1, 1]])
TEACHER = torch.tensor([[math.log(2), math.nan, 0.0]], dtype=torch.float64)


def plain(scope: Literal["list", "batch"] = "list") -> ListwiseKL:
    return ListwiseKL(student_temperature=1.0, teacher_temperature=1.0, scope=scope)


def query_by_query(objective: ListwiseKL, batch: Batch) -> float:
    """The definition, one passage of one query at a time, in Python floats."""
    query, passage, lists, teacher_scores, excluded = (t.tolist() for t in batch)
    total = 0.0
    for i, own in enumerate(lists):
        teacher = {r: s for r, s in zip(own, teacher_scores[i], strict=True) if r >= 0}
        if objective.scope == "batch":
            for row in range(len(passage)):
                if row not in teacher and row not in excluded[i]:
                    teacher[row] = 0.0
        student = {
            row: sum(a * b for a, b in zip(query[i], passage[row], strict=True))
            for row in teacher
        }
        p = softmax(teacher, float(objective.teacher_temperature))
        q = softmax(student, objective.student_temperature)
        total += sum(p[row] * math.log(p[row] / q[row]) for row in teacher)
    return total / len(lists)


def softmax(scores: dict[int, float], temperature: float) -> dict[int, float]:
    exp = {row: math.exp(score / temperature) for row, score in scores.items()}
    return {row: value / sum(exp.values()) for row, value in exp.items()}


def test_hand_worked() -> None:
    """Teacher 2/3 and 1/3, student 1/2 and 1/2: 2/3 log 4/3 + 1/3 log 2/3."""
    value = plain()(QUERY, PASSAGE, LISTS, TEACHER)
    expected = 2 / 3 * math.log(4 / 3) + 1 / 3 * math.log(2 / 3)
    assert value.item() == pytest.approx(expected, abs=1e-12)


def test_hand_worked_over_the_batch() -> None:
    """The third passage has the teacher score 0: 1/2, 1/4, 1/4 against thirds.

    1/2 log 3/2 + 2 * 1/4 log 3/4.
    """
    value = plain("batch")(QUERY, PASSAGE, LISTS, TEACHER)
    expected = math.log(3 / 2) / 2 + math.log(3 / 4) / 2
    assert value.item() == pytest.approx(expected, abs=1e-12)


def test_excluded_leaves_the_batch_unless_listed() -> None:
    """Passages 1 and 2 are excluded, but 1 is listed: as over the list."""
    excluded = torch.tensor([[2, 1, -1]])
    value = plain("batch")(QUERY, PASSAGE, LISTS, TEACHER, excluded)
    expected = plain()(QUERY, PASSAGE, LISTS, TEACHER)
    torch.testing.assert_close(value, expected, rtol=0, atol=1e-12)


@settings(deadline=None, max_examples=100)
@given(
    seed=st.integers(0, 2**32 - 1),
    student=st.sampled_from([0.05, 0.2, 1.0]),
    teacher=st.sampled_from([0.1, 0.3, 1.0]),
    scope=st.sampled_from(["list", "batch"]),
)
def test_equals_the_definition_query_by_query(
    random_batch: Callable[[int], Batch],
    seed: int,
    student: float,
    teacher: float,
    scope: Literal["list", "batch"],
) -> None:
    objective = ListwiseKL(student, teacher, scope)
    batch = random_batch(seed)
    expected = query_by_query(objective, batch)
    assert objective(*batch).item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_equals_torch_on_full_lists(batch: Batch) -> None:
    """`kl_div` with `batchmean`, as in the method's own description."""
    query, passage, *_ = batch
    lists = torch.arange(len(passage)).repeat(len(query), 1)
    teacher_scores = torch.rand(lists.shape, dtype=torch.float64)
    expected = functional.kl_div(
        (query @ passage.T / 0.05).log_softmax(-1),
        (teacher_scores / 0.3).softmax(-1),
        reduction="batchmean",
    )
    value = ListwiseKL()(query, passage, lists, teacher_scores)
    torch.testing.assert_close(value, expected, rtol=0, atol=1e-12)


def test_shift_of_teacher_scores_changes_nothing(
    batch: Batch,
) -> None:
    query, passage, lists, teacher_scores, _ = batch
    value = ListwiseKL()(query, passage, lists, teacher_scores)
    shifted = ListwiseKL()(query, passage, lists, teacher_scores + 7.0)
    torch.testing.assert_close(shifted, value, rtol=0, atol=1e-12)


def test_zero_when_student_equals_teacher() -> None:
    """Cosine / 0.05 = teacher score / 0.3 up to a shift."""
    passage = torch.tensor([[0.5], [0.45], [0.4]], dtype=torch.float64)
    query = torch.ones(1, 1, dtype=torch.float64)
    lists = torch.tensor([[0, 1, 2]])
    value = ListwiseKL()(query, passage, lists, 6 * passage.T - 2)
    assert value.item() == pytest.approx(0.0, abs=1e-12)


def test_finite_at_opposite_cosines() -> None:
    """Logits of +-100 in float32; the teacher is as sure of the contrary."""
    query = torch.tensor([[1.0, 0.0]], requires_grad=True)
    passage = torch.tensor([[-1.0, 0.0], [1.0, 0.0]], requires_grad=True)
    objective = ListwiseKL(student_temperature=0.01, teacher_temperature=0.01)
    value = objective(query, passage, torch.tensor([[0, 1]]), torch.eye(2)[:1])
    value.backward()
    assert value.item() == pytest.approx(200.0)
    assert query.grad is not None
    assert query.grad.isfinite().all()


@pytest.mark.parametrize("scope", ["list", "batch"])
def test_diagnostics_are_mean_entropies(scope: Literal["list", "batch"]) -> None:
    """Teacher 2/3, 1/3 (batch: 1/2, 1/4, 1/4), student uniform."""
    found = plain(scope).diagnostics(QUERY, PASSAGE, LISTS, TEACHER)
    sure = {"list": [2 / 3, 1 / 3], "batch": [1 / 2, 1 / 4, 1 / 4]}[scope]
    entropy = -sum(p * math.log(p) for p in sure)
    assert found["teacher_entropy"].item() == pytest.approx(entropy)
    assert found["student_entropy"].item() == pytest.approx(math.log(len(sure)))


def test_diagnostics_of_rows_add_up(batch: Batch) -> None:
    whole = ListwiseKL().diagnostics(*batch)
    first = ListwiseKL().diagnostics(*batch, rows=slice(0, 1))
    rest = ListwiseKL().diagnostics(*batch, rows=slice(1, None))
    for name, value in whole.items():
        torch.testing.assert_close(first[name] + rest[name], value)


class TestMatch:
    student = torch.rand(50, 8, generator=torch.Generator().manual_seed(1))
    teacher = torch.rand(50, 8, generator=torch.Generator().manual_seed(2))
    filled = torch.rand(50, 8, generator=torch.Generator().manual_seed(3)) < 0.8
    filled[:, 0] = True

    def blocks(self) -> list[Block]:
        """Two batches; a query's score with passage j is its j-th number."""
        lists = torch.arange(8).where(self.filled, -1)
        teacher = self.teacher.masked_fill(~self.filled, math.nan)
        whole = Block(self.student, torch.eye(8), lists, teacher)
        return [whole.rows(slice(20)), whole.rows(slice(20, None))]

    def calibrated(self) -> ListwiseKL:
        objective = ListwiseKL(teacher_temperature="match")
        objective.calibrate(self.blocks())
        return objective

    def test_mean_entropies_agree(self) -> None:
        """Written from the definition: -sum p log p over the filled slots."""

        def mean_entropy(scores: Tensor, temperature: float) -> float:
            total = 0.0
            for row, filled in zip(scores, self.filled, strict=True):
                p = (row[filled].double() / temperature).softmax(0)
                total -= (p * p.log()).sum().item()
            return total / len(scores)

        temperature = self.calibrated().teacher_temperature_value.item()
        expected = mean_entropy(self.student, 0.05)
        assert mean_entropy(self.teacher, temperature) == pytest.approx(expected)

    def test_batches_of_unequal_width_agree_too(self) -> None:
        """Over the batch: 8 passages in the one, 5 in the other, unlisted ones at 0."""
        objective = ListwiseKL(teacher_temperature="match", scope="batch")
        first, second = self.blocks()
        lists = second.lists.where(second.lists < 5, -1)
        second = replace(second, query=second.query[:, :5], passage=torch.eye(5))
        batches = [first, replace(second, lists=lists)]
        objective.calibrate(batches)
        found = [
            objective.diagnostics(*(getattr(b, f.name) for f in fields(b)))
            for b in batches
        ]
        teacher, student = (
            sum(len(b.query) * one[key] for b, one in zip(batches, found, strict=True))
            for key in ("teacher_entropy", "student_entropy")
        )
        assert objective.compares_batches
        assert not ListwiseKL().compares_batches
        assert float(teacher) == pytest.approx(float(student), rel=1e-5)

    def test_is_needed_once(self) -> None:
        objective = ListwiseKL(teacher_temperature="match")
        assert objective.teacher_temperature_value.isnan()
        assert objective.needs_calibration
        assert not self.calibrated().needs_calibration
        assert not ListwiseKL().needs_calibration

    def test_refuses_a_batch_before(self) -> None:
        objective = ListwiseKL(teacher_temperature="match")
        with pytest.raises(RuntimeError, match="has not been calibrated"):
            objective(QUERY, PASSAGE, LISTS, TEACHER)

    def test_is_saved_and_loaded(self) -> None:
        before = self.calibrated()
        after = ListwiseKL(teacher_temperature="match")
        after.load_state_dict(before.state_dict())
        assert not after.needs_calibration
        value = after(QUERY, PASSAGE, LISTS, TEACHER)
        assert value.isfinite()
        assert value == before(QUERY, PASSAGE, LISTS, TEACHER)
        assert value == copy.deepcopy(after)(QUERY, PASSAGE, LISTS, TEACHER)

    def test_number_is_a_setting_and_not_saved(self) -> None:
        objective = ListwiseKL(teacher_temperature=0.2)
        objective.calibrate(self.blocks())
        assert objective.teacher_temperature_value.item() == pytest.approx(0.2)
        assert objective.state_dict() == {}

    def test_refuses_lists_that_cannot_match(self) -> None:
        """Equal teacher scores have the entropy log 8 at any temperature."""
        objective = ListwiseKL(teacher_temperature="match")
        lists, ones = torch.arange(8).expand(50, 8), torch.ones(50, 8)
        with pytest.raises(ValueError, match=r"it stays between 2\.079 and 2\.079"):
            objective.calibrate([Block(self.student, torch.eye(8), lists, ones)])


@pytest.mark.parametrize("name", ["student_temperature", "teacher_temperature"])
def test_refuses_temperatures_that_are_not_positive(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a finite number above 0"):
        ListwiseKL(**{name: 0.0})  # type: ignore[arg-type]

"""What a training step computes does not depend on how it is cut."""

import math
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.optim import AdamW, Optimizer

from dr_lightning.data.batch import Batch
from dr_lightning.models.bi_encoder import BiEncoder
from dr_lightning.models.encoder import Encoder
from dr_lightning.models.micro_batch import MicroBatching
from dr_lightning.models.optimization import count_steps
from dr_lightning.models.tokenization import Side, TextFormat
from dr_lightning.models.training_data import ListData, TrainingBatch
from dr_lightning.objectives import InfoNCE, ListwiseKL, WeightedSum
from tests.training_runs import ENCODER

STUDENT, TEACHER, CONTRAST, RATIO, WEIGHT = 0.05, 0.3, 0.05, 0.6, 0.1
QUERIES = ["sort a list", "open the file and read", "wing"]
PASSAGES = [
    "return a sorted list",
    "open a file",
    "the wing of the body is a plate in supersonic flow",
    "heat",
    "",
    "read the text line by line from an open file object",
]
# Query 0 and 1 share passage 0; the lists are of uneven length.
LISTS = [[0, 1, 3], [1, 0, 5, 4], [2, 3]]
SCORES = [[1.0, 0.7, 0.2], [0.9, 0.3, 0.6, 0.0], [0.5, 0.1]]
EXCLUDED = [[5, -1], [-1, -1], [0, 3]]


def bi_encoder(
    tokens: int = 64, recompute: bool = True, dropout: float = 0.0
) -> BiEncoder:
    prompts = TextFormat("search query: "), TextFormat("", 9)
    encoder = Encoder(
        str(ENCODER), "mean", query=prompts[0], passage=prompts[1], dropout=dropout
    )
    parts = [ListwiseKL(STUDENT, TEACHER), InfoNCE(CONTRAST, RATIO)]
    objective = WeightedSum(parts, [1.0, WEIGHT])
    return BiEncoder(
        encoder, objective, micro_batching=MicroBatching(tokens, recompute)
    ).double()


def batch(module: BiEncoder) -> Batch:
    width = max(map(len, LISTS))
    lists = torch.tensor([row + [-1] * (width - len(row)) for row in LISTS])
    scores = torch.tensor([row + [0.0] * (width - len(row)) for row in SCORES])
    return Batch(
        module.tokenization.ragged(QUERIES, "query"),
        module.tokenization.ragged(PASSAGES, "passage"),
        lists,
        scores.double(),
        torch.tensor(EXCLUDED),
    )


def loss(module: BiEncoder, of: Batch) -> Tensor:
    query, passage = module(of.query, "query"), module(of.passage, "passage")
    value: Tensor = module.objective(
        query, passage, of.lists, of.teacher_scores, of.excluded
    )
    return value


def gradients(module: BiEncoder, value: Tensor) -> dict[str, Tensor]:
    module.zero_grad()
    value.backward()  # type: ignore[no-untyped-call]
    found = {}
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        found[name] = parameter.grad.clone()
    return found


def alone(module: BiEncoder, text: str, side: Side) -> Tensor:
    """One text encoded by itself."""
    tokens = module.tokenization.ragged([text], side)
    framing = module.tokenization.framings[side]
    vector: Tensor = module.encoder(*tokens.pad(np.zeros(1, np.int64), framing))[0]
    return vector


def slot_by_slot(module: BiEncoder) -> Tensor:
    """The sum of both losses, each slot of each list encoded anew, in plain loops."""
    query = [alone(module, text, "query") for text in QUERIES]
    slots = [[alone(module, PASSAGES[p], "passage") for p in row] for row in LISTS]
    total = torch.zeros((), dtype=torch.float64)
    for q, (own, scores, excluded) in enumerate(
        zip(LISTS, SCORES, EXCLUDED, strict=True)
    ):
        cosines = torch.stack([query[q] @ vector for vector in slots[q]])
        teacher = (torch.tensor(scores).double() / TEACHER).softmax(0)
        student = (cosines / STUDENT).log_softmax(0)
        total = total + (teacher * (teacher.log() - student)).sum()
        masked = {own[0], *excluded} | {
            passage
            for passage, score in zip(own, scores, strict=True)
            if score > RATIO * scores[0]
        }
        negatives = [
            query[q] @ vector
            for row, vectors in zip(LISTS, slots, strict=True)
            for passage, vector in zip(row, vectors, strict=True)
            if passage not in masked
        ]
        logits = torch.stack([cosines[0], *negatives]) / CONTRAST
        total = total - WEIGHT * logits.log_softmax(0)[0]
    return total / len(QUERIES)


def test_distinct_passages_give_the_loss_of_every_slot_encoded_by_itself() -> None:
    module = bi_encoder()
    reference = slot_by_slot(module)
    expected = gradients(module, reference)
    value = loss(module, batch(module))
    assert value.item() == pytest.approx(reference.item(), abs=1e-9)
    found = gradients(module, value)
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)
    assert max(gradient.abs().max() for gradient in found.values()) > 0.01


@pytest.mark.parametrize("tokens", [1, 24, 40, 10**6])
def test_the_token_budget_changes_neither_loss_nor_gradient(tokens: int) -> None:
    reference, module = bi_encoder(64), bi_encoder(tokens)
    expected = loss(reference, batch(reference))
    value = loss(module, batch(module))
    assert value.item() == pytest.approx(expected.item(), abs=1e-9)
    torch.testing.assert_close(
        gradients(module, value), gradients(reference, expected), atol=1e-9, rtol=0
    )


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_recomputed_activations_give_the_same_gradient(dropout: float) -> None:
    results = []
    for recompute in (False, True):
        module = bi_encoder(40, recompute, dropout)
        torch.manual_seed(8)
        value = loss(module, batch(module))
        results.append(gradients(module, value) | {"loss": value.detach()})
    torch.testing.assert_close(results[0], results[1], atol=0, rtol=0)


def test_dropout_is_drawn_anew_for_each_step() -> None:
    module = bi_encoder(dropout=0.1)
    values = []
    for step in (0, 1, 1):
        module._seed_dropout(step)
        values.append(loss(module, batch(module)).item())
    assert values[0] != values[1] == values[2]


class Lists:
    """Stands for a data module of 10 batches an epoch."""

    steps_per_epoch = 10

    def __init__(self, batches: Iterable[TrainingBatch] = ()) -> None:
        self.batches = batches
        self.required: tuple[bool, int] | None = None

    def sample(self, queries: int, whole: bool) -> Iterator[TrainingBatch]:
        yield from self.batches

    def require(self, teacher_scores: bool, list_length: int) -> None:
        self.required = teacher_scores, list_length


def attach(module: BiEncoder, data: Lists, **settings: Any) -> None:
    trainer = {
        "datamodule": data,
        "precision_plugin": SimpleNamespace(forward_context=nullcontext),
        "precision": "bf16-mixed",
        "gradient_clip_val": 1.0,
        "limit_train_batches": 1.0,
        "accumulate_grad_batches": 1,
        "max_steps": -1,
        "max_epochs": 3,
    }
    module.trainer = SimpleNamespace(**trainer | settings)  # type: ignore[assignment]


def fused(parameters: Any) -> Optimizer:
    return AdamW(parameters, lr=1e-3, fused=True)


def test_fused_adamw_with_clipping_and_mixed_precision_is_refused() -> None:
    module = bi_encoder()
    module.optimizer = fused
    attach(module, Lists())
    with pytest.raises(ValueError, match="fused=True with mixed precision"):
        module.configure_optimizers()
    for settings in ({"precision": "32-true"}, {"gradient_clip_val": None}):
        attach(module, Lists(), **settings)
        module.configure_optimizers()


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({}, (10, 30)),
        ({"accumulate_grad_batches": 4}, (3, 9)),
        ({"limit_train_batches": 0.5}, (5, 15)),
        ({"limit_train_batches": 0.58}, (5, 15)),
        ({"limit_train_batches": 7}, (7, 21)),
        ({"max_steps": 12}, (10, 12)),
        ({"max_epochs": None, "max_steps": 12}, (10, 12)),
        ({"max_epochs": -1}, (10, 10)),
    ],
)
def test_steps_are_counted_from_the_data(
    settings: dict[str, Any], steps: tuple[int, int]
) -> None:
    module = bi_encoder()
    attach(module, Lists(), **settings)
    assert count_steps(module) == steps


def test_the_schedule_moves_with_each_step() -> None:
    module = bi_encoder()
    attach(module, Lists(), gradient_clip_val=None)
    made: Any = module.configure_optimizers()
    optimizer, scheduler = made["optimizer"], made["lr_scheduler"]["scheduler"]
    assert made["lr_scheduler"]["interval"] == "step"
    rates = []
    for _ in range(8):
        rates.append(optimizer.param_groups[0]["lr"] / 2e-4)
        optimizer.step()
        scheduler.step()
    # 30 steps: the warm-up of 10 is cut to a fifth, 6.
    expected = [1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1, 1, 1 - 1 / 294]
    assert rates == pytest.approx(expected)


@pytest.mark.parametrize("scope", ["list", "batch"])
def test_calibration_makes_the_entropies_of_teacher_and_student_equal(
    scope: Literal["list", "batch"],
) -> None:
    module = bi_encoder()
    part = ListwiseKL(teacher_temperature="match", scope=scope)
    module.objective = WeightedSum([part], [1.0])
    whole = batch(module)
    data = Lists([whole])
    attach(module, data)
    module.calibrate()
    assert data.required == (True, 2)
    with torch.no_grad():
        query, passage = module(whole.query, "query"), module(whole.passage, "passage")
        entropies = module.objective.diagnostics(
            query, passage, whole.lists, whole.teacher_scores, whole.excluded
        )
    student, teacher = entropies["student_entropy"], entropies["teacher_entropy"]
    assert 0 < student < math.log(len(whole.passage))
    assert teacher.item() == pytest.approx(student.item(), abs=1e-6)


def test_a_batch_and_a_data_module_are_what_the_model_asks_for() -> None:
    assert isinstance(batch(bi_encoder()), TrainingBatch)
    assert isinstance(Lists(), ListData)


def test_a_budget_without_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match="tokens must be at least 1, but got 0"):
        MicroBatching(tokens=0)

"""The norm of a gradient is the length of the step that plain SGD makes of it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.plugins.precision import MixedPrecision
from torch import Tensor
from torch.optim import SGD, Optimizer

from dr_lightning.callbacks import GradientNorm
from tests.training_runs import Run, train, write_lists


class FirstStep(Callback):
    """Keeps the norm that was logged for the first step, its rate and its length."""

    def __init__(self) -> None:
        self.before: list[Tensor] = []
        self.norm = self.rate = self.length = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.before = [p.detach().clone() for p in pl_module.parameters()]

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        if trainer.global_step == 0:
            self.rate = optimizer.param_groups[0]["lr"]

    @torch.no_grad()
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *arguments: Any
    ) -> None:
        if trainer.global_step == 1 and not self.norm:
            self.norm = float(trainer.callback_metrics["train/grad_norm"])
            moved = zip(pl_module.parameters(), self.before, strict=True)
            squares = [(now - was).double().square().sum() for now, was in moved]
            self.length = float(torch.stack(squares).sum().sqrt())


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lists(tmp_path_factory.mktemp("norm") / "data", 18)


def first_step(
    data: Path, folder: Path, fused: bool = False, **trainer: Any
) -> FirstStep:
    def sgd(parameters: Any) -> SGD:
        return SGD(parameters, lr=0.5, fused=fused)

    step = FirstStep()
    options = {"max_steps": 2, "gradient_clip_val": None} | trainer
    train(
        Run(
            optimizer=sgd,
            trainer=options,
            callbacks=lambda: [GradientNorm(), step],
        ),
        data,
        folder,
    )
    return step


def scaled_by(scale: float) -> MixedPrecision:
    scaler = torch.amp.GradScaler("cpu", init_scale=scale)
    return MixedPrecision("16-mixed", "cpu", scaler)


@pytest.mark.parametrize(
    ("settings", "tolerance"),
    [
        ({}, 1e-4),
        ({"accumulate_grad_batches": 2}, 1e-4),
        ({"precision": "bf16-mixed"}, 1e-4),
        ({"plugins": scaled_by(64.0)}, 1e-3),
        ({"plugins": scaled_by(64.0), "fused": True}, 1e-3),
    ],
    ids=["plain", "accumulated", "bfloat16", "scaled", "scaled and fused"],
)
def test_it_is_the_length_of_the_step(
    settings: dict[str, Any], tolerance: float, data: Path, tmp_path: Path
) -> None:
    step = first_step(data, tmp_path, **settings)
    assert step.norm == pytest.approx(step.length / step.rate, rel=tolerance)


def test_it_is_taken_before_clipping(data: Path, tmp_path: Path) -> None:
    plain = first_step(data, tmp_path)
    clipped = first_step(data, tmp_path, gradient_clip_val=0.01)
    assert plain.norm == clipped.norm > 0.02
    assert clipped.length == pytest.approx(0.01 * clipped.rate, rel=1e-3)

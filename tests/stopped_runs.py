"""Runs that are stopped, and what must be the same when they are taken up again."""

import os
import signal
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from tests.training_runs import Run


class Save(ModelCheckpoint):
    """Saves after each optimizer step; then kills the process after one of them."""

    def __init__(self, folder: Path, kill_after: int = 0) -> None:
        super().__init__(
            folder, "{step}", save_top_k=-1, every_n_train_steps=1, monitor=None
        )
        self.kill_after = kill_after

    def on_train_batch_end(self, trainer: Trainer, *arguments: Any) -> None:
        super().on_train_batch_end(trainer, *arguments)
        if self._last_global_step_saved == self.kill_after > 0:
            os.kill(os.getpid(), signal.SIGKILL)


class Terminate(Callback):
    """Sends the process what a scheduler sends before it takes the machine away."""

    def __init__(self, batch: int) -> None:
        self.batch = batch

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if trainer.fit_loop.epoch_loop.total_batch_idx == self.batch:
            os.kill(os.getpid(), signal.SIGTERM)


def extended(run: Run, *more: Callback, **trainer: Any) -> Run:
    return Run(
        run.order,
        run.sampling,
        run.workers,
        run.dropout,
        run.recompute,
        run.optimizer,
        run.trainer | {"enable_checkpointing": True} | trainer,
        lambda: [*run.callbacks(), *more],
    )


def same(one: dict[str, Any], two: dict[str, Any]) -> None:
    assert one["step"] == two["step"]
    assert one["weights"].keys() == two["weights"].keys()
    for name, weight in one["weights"].items():
        assert torch.equal(weight, two["weights"][name]), name
    left = len(two["losses"])
    assert torch.equal(one["losses"][len(one["losses"]) - left :], two["losses"])
    # What was last measured before the checkpoint is not measured again.
    metrics = {key: one["metrics"][key] for key in two["metrics"]}
    assert two["metrics"] == metrics

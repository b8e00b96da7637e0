"""A learning rate from a short trial of many, before the first step."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import polars as pl
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import LearningRateFinder

from dr_lightning.callbacks.run_folder import run_folder
from dr_lightning.models.bi_encoder import BiEncoder

logger = logging.getLogger(__name__)

FILE = "learning_rates.csv"
_LEAST_STEPS = 13  # Lightning leaves out the first 10 and the last, and compares two


class FindLearningRate(LearningRateFinder):
    """Trains some steps at rising rates; suggests the one where the loss falls most.

    The range test of https://arxiv.org/abs/1506.01186 as Lightning's
    `LearningRateFinder` does it. Afterwards weights, optimizer, random state and data
    are as they were, and the suggestion is the peak of the schedule. Rates and smoothed
    losses lie in `learning_rates.csv` in the run's folder. A resumed run skips it.

    The steepest fall is a rough guide: on a loss that is noisy or falls little, look at
    the file. Over several ranks the losses are those of the first one's share of the
    queries, so they are noisier; every rank takes the same rate.

    Args:
        min_lr: The first rate.
        max_lr: The last; a loss 4 times the lowest ends the trial before.
        steps: Optimizer steps of the trial, at least 13.
        apply: Whether the run takes the suggestion; false only tells it.

    Raises:
        ValueError: If there are too few steps, or none left to compare.
    """

    def __init__(
        self,
        min_lr: float = 1e-7,
        max_lr: float = 1e-2,
        steps: int = 100,
        apply: bool = True,
    ) -> None:
        if steps < _LEAST_STEPS:
            msg = f"steps must be at least {_LEAST_STEPS}, but got {steps}."
            raise ValueError(msg)
        super().__init__(min_lr, max_lr, steps, update_attr=False)
        self.apply = apply

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Runs the trial."""
        folder = run_folder(trainer)
        if trainer.ckpt_path is not None or folder is None:
            return
        cast(BiEncoder, pl_module).calibrate()
        with _unending(trainer):
            self.lr_find(trainer, pl_module)
        found = self.optimal_lr
        if found is None or (rate := found.suggestion()) is None:
            msg = (
                f"no learning rate can be suggested: from {self._min_lr} on the loss "
                "rises at once. Give a lower min_lr, or more steps."
            )
            raise ValueError(msg)
        before = _peak(trainer)
        if self.apply:
            _scale(trainer, rate / before)
        if trainer.is_global_zero:
            folder.mkdir(parents=True, exist_ok=True)
            pl.DataFrame(found.results).write_csv(folder / FILE)
            text = "learning rate: %.3g suggested, %.3g set, %.3g taken; see %s"
            taken = rate if self.apply else before
            logger.info(text, rate, before, taken, folder / FILE)


@contextmanager
def _unending(trainer: Trainer) -> Iterator[None]:
    """Neither the end of the run nor a validation interrupts the trial."""
    loop, epochs = trainer.fit_loop, trainer.fit_loop.max_epochs
    every = trainer.check_val_every_n_epoch
    loop.max_epochs, trainer.check_val_every_n_epoch = -1, sys.maxsize
    try:
        yield
    finally:
        loop.max_epochs, trainer.check_val_every_n_epoch = epochs, every


def _peak(trainer: Trainer) -> float:
    """The rate that the schedule scales, of the first group of weights."""
    return float(trainer.optimizers[0].param_groups[0]["initial_lr"])


def _scale(trainer: Trainer, factor: float) -> None:
    """Multiplies the rates, now and in the schedule."""
    for group in trainer.optimizers[0].param_groups:
        group["initial_lr"] *= factor
        group["lr"] *= factor
    for config in trainer.lr_scheduler_configs:
        scheduler = config.scheduler
        scheduler.base_lrs = [rate * factor for rate in scheduler.base_lrs]

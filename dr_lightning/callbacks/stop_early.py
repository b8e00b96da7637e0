"""Stops when no watched value has fallen for some evaluations."""

import math
from collections.abc import Sequence
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer


class StopEarly(Callback):
    """Stops `fit` after evaluations in which none of several values fell.

    The method's rule (arXiv 2502.19712): the dev loss and its listwise part are both
    watched, and training goes on while either still falls. Lightning's `EarlyStopping`
    watches one value, and may stand here instead.

    Args:
        monitors: Keys in the log, lower is better; those that an objective does not
            log are passed over.
        patience: Evaluations without a new minimum that are borne.

    Raises:
        ValueError: If `patience` is below 1, or none of the keys is logged.
    """

    def __init__(
        self,
        monitors: Sequence[str] = ("val/loss", "val/listwise_kl"),
        patience: int = 2,
    ) -> None:
        if patience < 1:
            msg = f"patience must be at least 1, but got {patience}."
            raise ValueError(msg)
        self.monitors = list(monitors)
        self.patience = patience
        self.best: dict[str, float] = {}
        self.waited = 0

    def state_dict(self) -> dict[str, Any]:
        """Minima and evaluations waited."""
        return {"best": self.best, "waited": self.waited}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a checkpoint.

        Args:
            state_dict: What `state_dict` gave.
        """
        self.best = dict(state_dict["best"])
        self.waited = int(state_dict["waited"])

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compares with the minima so far."""
        if trainer.sanity_checking or trainer.state.fn != "fit":
            return
        logged = trainer.callback_metrics
        values = {key: float(logged[key]) for key in self.monitors if key in logged}
        if not values:
            msg = (
                f"StopEarly watches {self.monitors}, but the validation logs "
                f"{sorted(logged)}. Give dev lists (`data.lists.dev`) or other keys."
            )
            raise ValueError(msg)
        fell = [k for k, v in values.items() if v < self.best.get(k, math.inf)]
        self.best |= {key: values[key] for key in fell}
        self.waited = 0 if fell else self.waited + 1
        if self.waited >= self.patience:
            trainer.should_stop = True

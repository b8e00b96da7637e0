"""Validates the base model before the first step, as one more candidate."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint


class EvaluateBase(Callback):
    """Runs the whole validation before step 0.

    Fine-tuning can make a good model worse, so the base stands in the same log, table
    and selection as every later evaluation: early stopping (`StopEarly`, Lightning's
    `EarlyStopping`) counts from it and `ModelCheckpoint` keeps it if nothing better
    comes. A run resumed from any checkpoint that has seen it skips it.
    """

    def __init__(self) -> None:
        self.evaluated = False

    def state_dict(self) -> dict[str, Any]:
        """Whether the base is judged: the checkpoint of step 0 is its own."""
        return {"evaluated": self.evaluated}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a checkpoint.

        Args:
            state_dict: What `state_dict` gave.
        """
        self.evaluated = bool(state_dict["evaluated"])

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Notes it before `ModelCheckpoint`, which Lightning calls last, saves."""
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self.evaluated = True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validates at step 0, as the training loop does at the end of an epoch."""
        if self.evaluated or trainer.global_step > 0:
            return
        if not trainer.enable_validation:
            return
        for checkpoint in trainer.checkpoint_callbacks:
            if isinstance(checkpoint, ModelCheckpoint):
                # Lightning takes step 0 for saved, and by default saves at the end of
                # a training epoch alone; the base would be no candidate.
                checkpoint._last_global_step_saved = -1
                if checkpoint._save_on_train_epoch_end is None:
                    checkpoint._save_on_train_epoch_end = False
        trainer.validating = True
        trainer.fit_loop.epoch_loop.val_loop.run()
        trainer.training = True
        for stop in trainer.early_stopping_callbacks:
            # By default it looks at the end of a training epoch alone.
            logged = stop.monitor in trainer.callback_metrics
            if stop._check_on_train_epoch_end and logged:
                stop._run_early_stopping_check(trainer)

"""Validates both ends of a run: the base, as one more candidate, and the last."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint


class EvaluateBase(Callback):
    """Runs the whole validation before step 0, and at the end unless one was just run.

    Fine-tuning can make a good model worse, so the base stands in the same log, table
    and selection as every later evaluation: early stopping (`StopEarly`, Lightning's
    `EarlyStopping`) counts from it and `ModelCheckpoint` keeps it if nothing better
    comes. A run resumed from any checkpoint that has seen it skips it.

    A run may end between two validations (`max_steps`, `check_val_every_n_epoch`). What
    it learnt since the last one would be in no checkpoint, so the end is validated too.
    """

    def __init__(self) -> None:
        self.evaluated = False
        self._step = -1  # of the newest validation

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
            self._step = trainer.global_step

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validates at step 0, as the training loop does at the end of an epoch."""
        if not trainer.enable_validation:
            return
        every = trainer.checkpoint_callbacks
        savers = [saver for saver in every if isinstance(saver, ModelCheckpoint)]
        for saver in savers:
            # By default Lightning saves after a training epoch alone; the base, and the
            # weights at the end, would be no candidates.
            if saver._save_on_train_epoch_end is None:
                saver._save_on_train_epoch_end = False
        if self.evaluated or trainer.global_step > 0:
            return
        for saver in savers:
            saver._last_global_step_saved = -1  # Lightning takes step 0 for saved
        _validate(trainer)
        for saver in savers:
            # Some save in other epochs alone, or after them: the base counts there too.
            saved = saver._last_global_step_saved == 0
            if not saved and saver.monitor in trainer.callback_metrics:
                candidates = saver._monitor_candidates(trainer)
                saver._save_topk_checkpoint(trainer, candidates)
        for stop in trainer.early_stopping_callbacks:
            # By default it looks at the end of a training epoch alone.
            logged = stop.monitor in trainer.callback_metrics
            if stop._check_on_train_epoch_end and logged:
                stop._run_early_stopping_check(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validates the last weights, which checkpoints then take in too."""
        if trainer.enable_validation and self._step != trainer.global_step:
            _validate(trainer)


def _validate(trainer: Trainer) -> None:
    """As the training loop does at the end of an epoch."""
    trainer.validating = True
    trainer.fit_loop.epoch_loop.val_loop.run()
    trainer.training = True

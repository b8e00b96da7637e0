"""Which of Lightning's own callbacks suit the bi-encoder, and what makes them right."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import (
    Callback,
    Checkpoint,
    EMAWeightAveraging,
    GradientAccumulationScheduler,
    LearningRateFinder,
    ModelCheckpoint,
    StochasticWeightAveraging,
    ThroughputMonitor,
    WeightAveraging,
)

logger = logging.getLogger(__name__)

_UNFIT: dict[type[Callback], str] = {
    GradientAccumulationScheduler: (
        "GradientAccumulationScheduler changes how many steps an epoch has, which the "
        "schedule counts beforehand. Use trainer.accumulate_grad_batches."
    ),
    LearningRateFinder: (
        "LearningRateFinder runs before the objective is calibrated, and the schedule "
        "overrules the rate that it sets. Use FindLearningRate."
    ),
    StochasticWeightAveraging: (
        "StochasticWeightAveraging puts its average into the model after the last "
        "epoch: no evaluation measures it, no checkpoint has it for its weights, and a "
        "run that stops early loses it. Use AverageWeights or EMAWeightAveraging."
    ),
    ThroughputMonitor: (
        "ThroughputMonitor fails at a validation before the first step, which measures "
        "the base, and counts one kind of sample a batch. Use Speed."
    ),
}


def refuse_unfit(trainer: Trainer) -> None:
    """Refuses callbacks of Lightning that would not do here what they promise.

    Args:
        trainer: Its callbacks.

    Raises:
        ValueError: If there is one, two that average the weights, or one that does with
            checkpoints that would lack the average, or an average that starts late; or
            a checkpoint that would rank weights by values of earlier ones.
    """
    for callback in _callbacks(trainer):
        if type(callback) in _UNFIT:
            raise ValueError(_UNFIT[type(callback)])
    averages = [type(c).__name__ for c in _averages(trainer)]
    if len(averages) > 1:
        msg = f"{averages} would average each other's weights; keep one of them."
        raise ValueError(msg)
    if averages and any(_saves_weights_alone(c) for c in _callbacks(trainer)):
        # Lightning asks callbacks for their part of a whole checkpoint only.
        msg = (
            "ModelCheckpoint with save_weights_only: true would save and export other "
            f"weights than those of {averages[0]}, which validation measures. Set it "
            "to false."
        )
        raise ValueError(msg)
    for callback in _callbacks(trainer):
        if isinstance(callback, EMAWeightAveraging):
            _refuse_late(callback)
        if isinstance(callback, ModelCheckpoint):
            _refuse_stale(callback)


def keep_best(trainer: Trainer, checkpoint: dict[str, Any]) -> None:
    """Lets a run that is resumed in another folder remember its best checkpoint.

    Lightning forgets its value there, so that any later one would be the best. The file
    stays where it is; if it is gone, selection starts anew, and that is told.

    Args:
        trainer: Of the resumed run; its callbacks are not restored yet.
        checkpoint: What is being loaded; changed in place.
    """
    for callback in trainer.checkpoint_callbacks:
        state = checkpoint.get("callbacks", {}).get(callback.state_key)
        if not isinstance(callback, ModelCheckpoint) or not state:
            continue
        best = state.get("best_model_path")
        # Ranks must agree, on machines that do not share the folder too.
        if best and not trainer.strategy.broadcast(Path(best).is_file()):
            state["best_model_path"] = ""
            told = "the best checkpoint so far, %s, is gone: others are compared anew"
            logger.warning(told, best)
        elif best:
            state["dirpath"] = callback.dirpath


def prepare_averaging(trainer: Trainer, module: LightningModule) -> None:
    """Makes Lightning's weight averaging, if there is one, right for this model.

    The average is put in place of the weights while a validation runs. So the callback
    moves behind those that read them at the end of it, and before checkpoints, which
    shall hold the average of this step. Buffers are taken as they are: means of
    position numbers are rounded to wrong ones, and the copy, made before the objective
    was calibrated, lacks its temperature. The copy goes where the model is by now.

    Args:
        trainer: Its callbacks.
        module: Calibrated and on its device.
    """
    for callback in _averages(trainer):
        trainer.callbacks = sorted(_callbacks(trainer), key=_turn)  # type: ignore[attr-defined]
        average = callback._average_model
        if average is None:
            continue
        average.use_buffers = False
        if callback._device is None:
            average.to(module.device)
        both = zip(average.module.buffers(), module.buffers(), strict=True)
        for averaged, own in both:
            averaged.copy_(own)


@contextmanager
def averaged_weights(trainer: Trainer, module: LightningModule) -> Iterator[None]:
    """Puts the averaged weights into the model for a while, where there are any.

    For what looks at the weights outside of a validation.

    Args:
        trainer: Its callbacks.
        module: The model.
    """
    averages = [c for c in _averages(trainer) if c._average_model is not None]
    for callback in averages:
        callback._swap_models(module)
    try:
        yield
    finally:
        for callback in averages:
            callback._swap_models(module)


def _refuse_late(average: EMAWeightAveraging) -> None:
    starts = (average.update_starting_at_step, average.update_starting_at_epoch)
    if any(starts):
        msg = (
            "EMAWeightAveraging that starts late stands for the base until then: that "
            "is what validations would measure, and a run may stop on it. Leave out "
            "update_starting_at_step and update_starting_at_epoch, or use "
            "AverageWeights, which has start_step."
        )
        raise ValueError(msg)


def _refuse_stale(checkpoint: ModelCheckpoint) -> None:
    between = checkpoint._every_n_train_steps or checkpoint._train_time_interval
    monitor = checkpoint.monitor
    if between and monitor is not None and not monitor.startswith("train/"):
        msg = (
            "ModelCheckpoint saves between validations and would rank those weights by "
            f"the {monitor!r} of earlier ones. Leave out every_n_train_steps and "
            "train_time_interval: it saves at each validation, whose interval is "
            "trainer.val_check_interval; or leave out monitor."
        )
        raise ValueError(msg)


def _saves_weights_alone(callback: Callback) -> bool:
    return isinstance(callback, ModelCheckpoint) and callback.save_weights_only


def _averages(trainer: Trainer) -> list[WeightAveraging]:
    return [c for c in _callbacks(trainer) if isinstance(c, WeightAveraging)]


def _callbacks(trainer: Trainer) -> list[Callback]:
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return callbacks


def _turn(callback: Callback) -> int:
    if isinstance(callback, Checkpoint):
        return 2
    return 1 if isinstance(callback, WeightAveraging) else 0

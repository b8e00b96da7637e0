"""Which of Lightning's own callbacks suit the bi-encoder, and what makes them right."""

from collections.abc import Iterator
from contextlib import contextmanager

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import (
    Callback,
    Checkpoint,
    LearningRateFinder,
    ModelCheckpoint,
    StochasticWeightAveraging,
    ThroughputMonitor,
    WeightAveraging,
)

_UNFIT: dict[type[Callback], str] = {
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
            checkpoints that would lack the average.
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

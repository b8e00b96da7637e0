"""What optimizer, schedule and checkpoints need to know of the Trainer's steps."""

from typing import Any

from lightning.pytorch import LightningModule
from torch.optim import Optimizer

from dr_lightning.models.training_data import ListData


def check_fused(optimizer: Optimizer, module: LightningModule) -> None:
    """Refuses a fused optimizer where Lightning cannot clip its gradient.

    Args:
        optimizer: Made for the run.
        module: Attached to a Trainer, whose precision and clipping count.

    Raises:
        ValueError: With mixed precision and clipping.
    """
    trainer = module.trainer
    fused = any(group.get("fused") for group in optimizer.param_groups)
    mixed = "mixed" in str(trainer.precision)
    if fused and mixed and trainer.gradient_clip_val:
        msg = (
            "fused=True with mixed precision and gradient_clip_val fails in "
            "Lightning 2.6 (lightning issue 21435). Set fused to false."
        )
        raise ValueError(msg)


def count_steps(module: LightningModule) -> tuple[float, int]:
    """Optimizer steps an epoch and in all.

    Counted from the data module: `trainer.estimated_stepping_batches` would make
    the loader before a restored position is known.

    Args:
        module: Attached to a Trainer: its data, limits, accumulation and end.
    """
    trainer = module.trainer
    data = getattr(trainer, "datamodule", None)
    if isinstance(data, ListData):
        batches: float = data.steps_per_epoch
    else:
        batches = float(trainer.num_training_batches)
    limit = trainer.limit_train_batches
    if limit is not None:
        share = isinstance(limit, float)  # which Lightning rounds down
        batches = int(batches * limit) if share else min(batches, limit)
    per_epoch = max(-(-float(batches) // trainer.accumulate_grad_batches), 1.0)
    ends = [trainer.max_steps] if trainer.max_steps > 0 else []
    if trainer.max_epochs is not None and trainer.max_epochs > 0:
        ends.append(int(per_epoch * trainer.max_epochs))
    return per_epoch, min(ends, default=int(per_epoch))


def rewind(loops: dict[str, Any], accumulated: int) -> None:
    """Takes a checkpoint's progress back to its last optimizer step.

    A checkpoint has no gradients. One that is written inside an accumulation (by a
    validation, or when the run is stopped) would go on without those of the batches
    since the step; so they come again.

    Args:
        loops: The progress that the checkpoint holds; changed in place.
        accumulated: Batches of an optimizer step.

    Example:
        >>> counts = {"ready": 7, "started": 7, "processed": 7, "completed": 6}
        >>> batches = {"current": dict(counts), "total": dict(counts)}
        >>> rewind({"fit_loop": {"epoch_loop.batch_progress": batches}}, 4)
        >>> batches["current"]
        {'ready': 4, 'started': 4, 'processed': 4, 'completed': 4}
    """
    batches = loops["fit_loop"]["epoch_loop.batch_progress"]
    current, total = batches["current"], batches["total"]
    whole = current["ready"] == current["processed"]
    if whole and batches.get("is_last_batch"):  # ends with a step, however short
        return
    stepped = current["processed"] // accumulated * accumulated
    undone = current["ready"] - stepped
    if undone:
        for progress, done in ((total, total["ready"] - undone), (current, stepped)):
            progress.update(dict.fromkeys(progress, done))

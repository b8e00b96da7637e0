"""How long the gradient of each optimizer step is."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer


class GradientNorm(Callback):
    """Logs `train/grad_norm`: the Euclidean norm of the whole gradient of a step.

    Before it is clipped; with accumulation that of all its batches, with mixed
    precision without the loss scale, and across ranks the one that all of them step
    with. Where it is above the Trainer's `gradient_clip_val`, the step was shortened.
    """

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        """Logs it."""
        gradients = [p.grad for p in pl_module.parameters() if p.grad is not None]
        norm = get_total_norm(gradients)
        scaler: Any = getattr(trainer.precision_plugin, "scaler", None)
        # A fused optimizer takes the scale off by itself, later.
        if scaler and getattr(optimizer, "_step_supports_amp_scaling", False):
            norm = norm / scaler.get_scale()
        pl_module.log("train/grad_norm", norm)

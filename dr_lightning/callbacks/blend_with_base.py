"""Weights between those of the base model and those that were trained."""

from typing import Any, cast

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor
from torch.optim.swa_utils import AveragedModel


class BlendWithBase(WeightAveraging):
    r"""What is measured, saved and exported lies between base and trained weights.

    $$w = w_0 + \mathrm{share}\,(w_t - w_0)$$

    with the base's weights $w_0$ and those after step t, which training itself goes on
    from. Fine-tuned models blended so keep more of what the base knows, and often lose
    little of what they learnt: WiSE-FT, https://arxiv.org/abs/2109.01903, and for
    embedding models LM-Cocktail, https://arxiv.org/abs/2311.13534.

    Base and blend take the memory of the weights twice.

    Args:
        share: Of the trained weights, above 0 and at most 1; 1 is no blend.
        device: Where base and blend lie; null = beside the model.

    Raises:
        ValueError: If `share` is out of range.
    """

    def __init__(self, share: float = 0.5, device: str | None = None) -> None:
        if not 0 < share <= 1:
            msg = (
                "share must be above 0, the base, and at most 1, the trained weights, "
                f"but got {share}."
            )
            raise ValueError(msg)
        super().__init__(device, use_buffers=False)
        self.share = share
        self._base: list[Tensor] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Keeps the base: no checkpoint of a resumed run is loaded yet."""
        super().setup(trainer, pl_module, stage)
        if stage == "fit":
            self._base = [one.detach().clone() for one in self._blended()]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Puts the base where the blend is by now."""
        both = zip(self._base, self._blended(), strict=True)
        self._base = [base.to(blended) for base, blended in both]

    @torch.no_grad()
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *_: Any
    ) -> None:
        """Blends after each optimizer step."""
        if trainer.global_step == self._latest_update_step:
            return
        trained = pl_module.parameters()
        for blended, base, own in zip(
            self._blended(), self._base, trained, strict=True
        ):
            blended.copy_(base.lerp(own.to(base), self.share))
        self._latest_update_step = trainer.global_step

    def _blended(self) -> list[torch.nn.Parameter]:
        # There from `setup` on.
        return list(cast("AveragedModel", self._average_model).module.parameters())

"""How a teacher's model runs: lengths, batches, numbers."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from dr_lightning.models.device import Precision, autocast, pick_device, token_budget
from dr_lightning.models.encoder import position_limit

SHORTEST = 16  # tokens: a shorter pair says nothing


@dataclass
class Running:
    """How a model is run.

    Args:
        max_tokens: Tokens of a pair, special tokens and prompt counted.
        batch_tokens: Padded tokens a micro-batch; null = what suits the device.
        precision: "32", or "bf16" for matrix products in bfloat16.
        device: "auto" or what `torch.device` takes.
    """

    max_tokens: int
    batch_tokens: int | None
    precision: Precision
    device: str
    told_cut: bool = field(default=False, init=False)
    """Whether it was said that queries are cut; it is said once."""

    @property
    def place(self) -> torch.device:
        """The device that works."""
        return pick_device(self.device)

    def autocast(self) -> Any:
        """The context in which the model runs."""
        return autocast(self.place, self.precision)

    def check(
        self, model: str, config: Any, tokenizer: PreTrainedTokenizerBase, least: int
    ) -> None:
        """Refuses lengths that do not fit.

        Args:
            model: The model's name, for messages.
            config: Its configuration.
            tokenizer: Its tokenizer.
            least: Tokens that a pair needs.

        Raises:
            ValueError: If `max_tokens` or `batch_tokens` is out of range.
        """
        limit = position_limit(config, tokenizer.model_max_length)
        if not least <= self.max_tokens <= (limit or self.max_tokens):
            msg = (
                f"max_tokens must be from {least} to {limit or 'any number'}, what "
                f"{model!r} takes, but got {self.max_tokens}."
            )
            raise ValueError(msg)
        token_budget(self.batch_tokens, self.place)


class Float32(nn.Module):
    """Runs a module in float32, whatever autocast is on around it.

    Eight bits of mantissa on the last number would tie passages that the model tells
    apart.

    Args:
        module: A module with float32 weights.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: Tensor) -> Any:
        """Widens the inputs and runs the module without autocast."""
        with torch.autocast(inputs[0].device.type, enabled=False):
            return self.module(*(value.float() for value in inputs))

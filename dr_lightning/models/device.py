"""What suits the device at hand: where to run, how precisely, how much at once."""

import logging
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Literal

import torch

logger = logging.getLogger(__name__)

Precision = Literal["32", "bf16"]
CPU_TOKENS = 2048
"""Padded tokens a micro-batch of inference on a CPU: its caches hold no more."""
GPU_TOKENS = 65_536
"""The same on a GPU: less leaves it waiting."""


def autocast(
    device: torch.device, precision: Precision
) -> AbstractContextManager[object]:
    """Runs matrix products in bfloat16 where asked; weights stay as they are.

    Args:
        device: Where the encoder lies.
        precision: "32" or "bf16".
    """
    if precision == "bf16":
        warn_of_slow_bf16(device)
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


@cache
def warn_of_slow_bf16(device: torch.device) -> None:
    """Says, once, that bfloat16 is no gain on this processor, where it is none.

    Args:
        device: Where the model lies; nothing is said of another one than a CPU.
    """
    if device.type == "cpu" and not _multiplies_bf16():
        logger.warning(
            "this processor has no instructions for bfloat16 and imitates them: bf16 "
            "is several times slower here than float32. Set precision to 32."
        )


def _multiplies_bf16() -> bool:
    """Whether the processor multiplies bfloat16; yes where PyTorch cannot tell."""
    ask = getattr(torch.cpu, "get_capabilities", None)  # newer than 2.6
    known = {} if ask is None else ask()
    found = [has for name, has in known.items() if "bf16" in name]
    return any(found) or not found


def pick_device(name: str = "auto") -> torch.device:
    """`auto` = a CUDA device where there is one, else the CPU.

    Args:
        name: "auto" or what `torch.device` takes.
    """
    if name != "auto":
        return torch.device(name)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def token_budget(asked: int | None, device: torch.device) -> int:
    """Padded tokens a micro-batch: as asked, or what suits the device.

    Args:
        asked: At least 1; null = 2,048 on a CPU, 65,536 elsewhere.
        device: Where the model lies.

    Raises:
        ValueError: If `asked` is less than 1.

    Example:
        >>> token_budget(None, torch.device("cpu"))
        2048
    """
    if asked is None:
        return CPU_TOKENS if device.type == "cpu" else GPU_TOKENS
    if asked < 1:
        msg = (
            f"batch_tokens must be at least 1, but got {asked}; null takes what suits "
            "the device."
        )
        raise ValueError(msg)
    return asked

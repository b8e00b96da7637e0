"""What suits the device at hand: where to run, how precisely, how much at once."""

import logging
import time
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
PRODUCT = 512
"""Rows and columns of the matrices that are timed."""
TURNS = 5
"""How often; the first ones choose an implementation."""
SLOWDOWN = 1.2
"""From here on bfloat16 counts as slow; other work moves the measure by less."""


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
    if device.type == "cpu" and (times := bf16_slowdown()) > SLOWDOWN:
        logger.warning(
            "on this processor a matrix product in bfloat16 takes %.1f times as long "
            "as one in float32. Set precision to 32.",
            times,
        )


def bf16_slowdown() -> float:
    """How much longer a matrix product takes in bfloat16 than in float32, on the CPU.

    Measured, since flags do not tell: a processor without instructions for bfloat16
    imitates them, and one that has AVX-512's but not AMX may be slower with them.
    A fraction of a second; each side's fastest of several turns.
    """
    pairs = [
        [torch.ones(PRODUCT, PRODUCT, dtype=dtype) for _ in range(2)]
        for dtype in (torch.float32, torch.bfloat16)
    ]
    fastest = [float("inf")] * 2
    for _ in range(TURNS):
        for side, pair in enumerate(pairs):
            start = time.perf_counter()
            torch.mm(*pair)
            fastest[side] = min(fastest[side], time.perf_counter() - start)
    return fastest[1] / fastest[0]


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

"""What the benchmarks over a real collection share: options, machine and encoder."""

import argparse
import os
import platform
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from dr_lightning.cache import default_cache
from dr_lightning.models.device import Precision
from dr_lightning.models.encoder import Encoder
from dr_lightning.models.pooling import Pooling
from dr_lightning.models.tokenization import TextFormat

BF16_FLAGS = ("avx512_bf16", "amx_bf16", "bf16")
"""Names of x86 and Arm instructions that multiply matrices of bfloat16."""


@dataclass(frozen=True)
class Setting:
    """What both sides of a comparison are given alike.

    Args:
        collection: Folder in BEIR layout.
        model: Folder of the encoder.
        pooling: Null = as saved with the model.
        cache: Where what is made once is kept.
        device: Where the encoder works.
        precision: "32", or "bf16" for autocast.
        threads: Of torch and of the tokenizer.
        max_tokens: Of queries and passages.
    """

    collection: Path
    model: Path
    pooling: Pooling | None
    cache: Path
    device: str
    precision: Precision
    threads: int
    max_tokens: int

    def use_threads(self) -> None:
        """Sets the threads of this process, before the first text is tokenised."""
        os.environ["RAYON_NUM_THREADS"] = str(self.threads)
        torch.set_num_threads(self.threads)

    def encoder(self, max_tokens: int | None = None) -> Encoder:
        """A new encoder, on the device."""
        text = TextFormat(max_tokens=max_tokens or self.max_tokens)
        encoder = Encoder(str(self.model), self.pooling, query=text, passage=text)
        return encoder.to(self.device)

    def synchronize(self) -> None:
        """Waits until the device has done what it was given."""
        if self.device != "cpu":
            torch.cuda.synchronize()


def parser(question: str, max_tokens: int | None) -> argparse.ArgumentParser:
    """The options that the benchmarks share.

    Args:
        question: What the script measures.
        max_tokens: Default limit of queries and passages; None if the script picks one.
    """
    options = argparse.ArgumentParser(description=question)
    size = options.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="under five minutes")
    size.add_argument("--smoke", action="store_true", help="seconds: does it run?")
    options.add_argument("--collection", type=Path, required=True, help="BEIR folder")
    options.add_argument("--model", type=Path, required=True, help="encoder folder")
    options.add_argument("--pooling", choices=["cls", "mean", "last"])
    options.add_argument("--cache", type=Path, default=default_cache() / "benchmarks")
    options.add_argument("--device", default="cpu", help="cpu or cuda")
    options.add_argument("--precision", default="32", choices=["32", "bf16"])
    options.add_argument("--threads", type=int, default=2, help="of every side")
    options.add_argument("--max-tokens", type=int, default=max_tokens)
    return options


def setting(options: argparse.Namespace) -> Setting:
    """The shared options, with the threads set.

    Args:
        options: Parsed.
    """
    found = Setting(
        options.collection,
        options.model,
        options.pooling,
        options.cache,
        options.device,
        options.precision,
        options.threads,
        options.max_tokens,
    )
    found.use_threads()
    return found


def by_size(options: argparse.Namespace) -> Callable[[int, int, int], int]:
    """Picks a number by --smoke, --quick, or neither.

    Args:
        options: Parsed.
    """
    place = 0 if options.smoke else 1 if options.quick else 2
    return lambda *numbers: numbers[place]


def machine(threads: int, device: str = "cpu") -> dict[str, object]:
    """What the figures depend on, without a name of a host.

    Args:
        threads: Of every side.
        device: Where the encoder works.
    """
    info = Path("/proc/cpuinfo")
    text = info.read_text() if info.exists() else ""
    name = re.search(r"model name\s*: (.*)", text)
    flags = set(re.findall(r"\w+", text))
    found: dict[str, object] = {
        "cpu": name.group(1) if name else platform.processor(),
        "cores": os.cpu_count(),
        "bf16_instructions": [flag for flag in BF16_FLAGS if flag in flags],
        "load": round(os.getloadavg()[0], 1),
        "threads": threads,
        "torch": torch.__version__,
    }
    if device != "cpu":
        found["device"] = torch.cuda.get_device_name()
    return found

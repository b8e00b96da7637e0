"""The most memory that a process has held."""

import resource
import sys

import torch


def peak_memory(device: torch.device) -> dict[str, int]:
    """The most held so far, in MiB: by this process, and by torch on its GPU.

    Args:
        device: Where the model is.

    Example:
        >>> list(peak_memory(torch.device("cpu")))
        ['process']
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    found = {"process": peak // (2**20 if sys.platform == "darwin" else 2**10)}
    if device.type == "cuda":
        found["gpu"] = torch.cuda.max_memory_allocated(device) // 2**20
    return found

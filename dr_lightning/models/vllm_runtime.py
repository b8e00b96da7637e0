"""What the engine and the teacher that run on vLLM share: settings and start."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

from dr_lightning.models.identity import model_fingerprint

Dtype = Literal["auto", "bfloat16", "float16", "float32"]


@dataclass(frozen=True)
class VLLMRuntime:
    """How vLLM runs a model; nothing here changes an output beyond rounding.

    Args:
        tensor_parallel: GPUs that share the model.
        memory_share: Share of a GPU's memory that vLLM takes, 0 to 1.
        cache_gib: GiB for keys and values in place of what `memory_share` leaves; on a
            CPU give it, a few GiB do.
        eager: Whether to leave out compilation and CUDA graphs: a faster start, slower
            tokens.
        trust_remote_code: Whether to run code that comes with the model.

    Raises:
        ValueError: If a number is out of its range.
    """

    tensor_parallel: int = 1
    memory_share: float = 0.9
    cache_gib: float | None = None
    eager: bool = False
    trust_remote_code: bool = False

    def __post_init__(self) -> None:
        """Checks the ranges."""
        if self.tensor_parallel < 1:
            msg = f"tensor_parallel must be at least 1, but got {self.tensor_parallel}."
            raise ValueError(msg)
        if not 0 < self.memory_share <= 1:
            msg = (
                "memory_share must be above 0 and at most 1, but got "
                f"{self.memory_share}."
            )
            raise ValueError(msg)
        if self.cache_gib is not None and self.cache_gib <= 0:
            msg = f"cache_gib must be above 0, or null, but got {self.cache_gib}."
            raise ValueError(msg)

    def arguments(self) -> dict[str, Any]:
        """These settings as `vllm.LLM` names them."""
        size = None if self.cache_gib is None else int(self.cache_gib * 2**30)
        return {
            "tensor_parallel_size": self.tensor_parallel,
            "gpu_memory_utilization": self.memory_share,
            "kv_cache_memory_bytes": size,
            "enforce_eager": self.eager,
            "trust_remote_code": self.trust_remote_code,
        }


DEFAULT_RUNTIME = VLLMRuntime()


def import_vllm() -> Any:
    """The module `vllm`, told to log no more than warnings.

    Raises:
        ValueError: If it is not installed.
    """
    if find_spec("vllm") is None:
        msg = (
            "vLLM is not installed. `pip install 'dr-lightning[vllm]'` brings it, on a "
            "machine with a GPU; without one take another engine or teacher."
        )
        raise ValueError(msg)
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    return import_module("vllm")


def vllm_fingerprint(
    model: str, revision: str | None, settings: Mapping[str, object]
) -> str:
    """A digest of a model, its settings and the version of vLLM that runs it.

    Args:
        model: A folder, or a hub name.
        revision: Of the hub name.
        settings: What shapes an output.
    """
    version = import_vllm().__version__
    return model_fingerprint(model, (sorted(settings.items()), version), revision)

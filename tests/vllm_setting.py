"""What tests with the real vLLM share: marks, and settings for a small CPU."""

import os
from importlib.util import find_spec

import pytest

from dr_lightning.models.vllm_runtime import VLLMRuntime

# Read when vLLM starts: no process of its own for the engine, and no busy waiting.
os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

ON_CPU = VLLMRuntime(cache_gib=0.1, eager=True)

needs_vllm = [
    pytest.mark.vllm,
    pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed"),
    # PyTorch 2.13 and vLLM 0.32 use what PyTorch itself calls deprecated.
    pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated"),
    pytest.mark.filterwarnings("ignore:`torch.distributed.reduce_op` is deprecated"),
]

"""What engine and teacher share where vLLM is not installed, and its settings."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dr_lightning.generation.engines import VLLM
from dr_lightning.models import vllm_runtime
from dr_lightning.models.teachers import VLLMScore
from dr_lightning.models.vllm_runtime import VLLMRuntime


@pytest.mark.parametrize("part", [VLLM, VLLMScore])
def test_missing_vllm_is_told_at_once_with_the_way_out(
    part: Callable[[str], object],
    tiny_teacher_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vllm_runtime, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match=r"not installed. `pip install 'dr-lightning"):
        part(str(tiny_teacher_dir))


@pytest.mark.parametrize("part", [VLLM, VLLMScore])
def test_folder_that_is_not_there_is_told(
    part: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm_runtime, "find_spec", lambda _: "somewhere")
    monkeypatch.setattr(vllm_runtime, "import_module", lambda _: None)
    with pytest.raises(ValueError, match=r"folder '\./nowhere' does not exist"):
        part("./nowhere")


def test_settings_have_vllm_s_names() -> None:
    runtime = VLLMRuntime(tensor_parallel=2, memory_share=0.5, cache_gib=1.5)
    assert runtime.arguments() == {
        "tensor_parallel_size": 2,
        "gpu_memory_utilization": 0.5,
        "kv_cache_memory_bytes": 3 * 2**29,
        "enforce_eager": False,
        "trust_remote_code": False,
    }


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("tensor_parallel", 0, "at least 1"),
        ("memory_share", 1.1, "above 0 and at most 1"),
        ("cache_gib", 0.0, "above 0, or null"),
    ],
)
def test_number_out_of_range_is_refused(name: str, value: float, accepted: str) -> None:
    with pytest.raises(
        ValueError, match=rf"{name} must be {accepted}, but got {value}"
    ):
        VLLMRuntime(**{name: value})  # type: ignore[arg-type]

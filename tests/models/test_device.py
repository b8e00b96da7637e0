"""What is said of a processor that only imitates bfloat16."""

import logging
from collections.abc import Iterator

import pytest
import torch

from dr_lightning.models.device import autocast, warn_of_slow_bf16

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(autouse=True)
def _nothing_said_yet() -> Iterator[None]:
    warn_of_slow_bf16.cache_clear()
    yield
    warn_of_slow_bf16.cache_clear()


def _processor(monkeypatch: pytest.MonkeyPatch, **has: bool) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has, raising=False)


def test_bf16_on_a_processor_without_it_warns_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _processor(monkeypatch, avx2=True, avx512_bf16=False, amx_bf16=False)
    for _ in range(3):
        with autocast(CPU, "bf16"):
            assert torch.is_autocast_enabled("cpu")
    (said,) = caplog.records
    assert said.levelno == logging.WARNING
    assert "Set precision to 32" in said.getMessage()


@pytest.mark.parametrize(
    ("device", "has"),
    [
        (CPU, {"avx512_bf16": True, "amx_bf16": False}),
        (CPU, {"bf16": True}),
        (CPU, {"neon": True}),
        (GPU, {"avx512_bf16": False}),
    ],
    ids=["x86", "arm", "unknown", "gpu"],
)
def test_nothing_is_said_where_it_is_no_loss(
    device: torch.device,
    has: dict[str, bool],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    _processor(monkeypatch, **has)
    warn_of_slow_bf16(device)
    assert not caplog.records


def test_nothing_is_said_of_float32(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _processor(monkeypatch, avx512_bf16=False)
    with autocast(CPU, "32"):
        assert not torch.is_autocast_enabled("cpu")
    assert not caplog.records


def test_nothing_is_said_where_pytorch_cannot_tell(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    warn_of_slow_bf16(CPU)
    assert not caplog.records

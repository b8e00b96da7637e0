"""What is said of a processor that is slower with bfloat16 than without."""

import logging
from collections.abc import Callable, Iterator

import pytest
import torch

from dr_lightning.models import device as module
from dr_lightning.models.device import autocast, warn_of_slow_bf16

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(autouse=True)
def _nothing_said_yet() -> Iterator[None]:
    warn_of_slow_bf16.cache_clear()
    yield
    warn_of_slow_bf16.cache_clear()


@pytest.fixture
def takes(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A processor on which bfloat16 takes so many times as long as float32."""

    def set_slowdown(times: float) -> None:
        monkeypatch.setattr(module, "bf16_slowdown", lambda: times)

    return set_slowdown


def test_bf16_on_a_processor_that_is_slow_with_it_warns_once(
    takes: Callable[[float], None], caplog: pytest.LogCaptureFixture
) -> None:
    takes(1.94)
    for _ in range(3):
        with autocast(CPU, "bf16"):
            assert torch.is_autocast_enabled("cpu")
    (said,) = caplog.records
    assert said.levelno == logging.WARNING
    assert "takes 1.9 times as long as one in float32" in said.getMessage()
    assert "Set precision to 32" in said.getMessage()


@pytest.mark.parametrize(
    ("device", "times"), [(CPU, 0.5), (CPU, 1.1), (GPU, 9.0)], ids=["half", "as", "gpu"]
)
def test_nothing_is_said_where_it_is_no_loss(
    device: torch.device,
    times: float,
    takes: Callable[[float], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    takes(times)
    warn_of_slow_bf16(device)
    assert not caplog.records


def test_nothing_is_said_of_float32(
    takes: Callable[[float], None], caplog: pytest.LogCaptureFixture
) -> None:
    takes(9.0)
    with autocast(CPU, "32"):
        assert not torch.is_autocast_enabled("cpu")
    assert not caplog.records


def test_the_slowdown_is_that_of_this_processor() -> None:
    """Between a tenth (AMX) and some hundred times (imitated)."""
    assert 0.05 < module.bf16_slowdown() < 2000

"""Rates worked by hand on a clock that the test sets."""

import time
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from dr_lightning.callbacks import Speed
from dr_lightning.models.ragged import Framing, ragged


class Model:
    """Frames queries with 1 token and passages with 2, and keeps what is logged."""

    device = torch.device("cpu")
    tokenization = SimpleNamespace(
        framings={
            "query": Framing((101,), (), 0, 64),
            "passage": Framing((101,), (102,), 0, 3),
        }
    )

    def __init__(self) -> None:
        self.logged: dict[str, float] = {}

    def log(self, key: str, value: float, **options: Any) -> None:
        self.logged[key] = value


def batch(queries: list[list[int]], passages: list[list[int]]) -> Any:
    return SimpleNamespace(query=ragged(queries), passage=ragged(passages))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(time, "perf_counter", lambda: clock.now)
    return clock


def test_a_step_s_batches_are_counted_over_its_own_time(clock: SimpleNamespace) -> None:
    """Two batches in 4 seconds, after a validation of 50.

    Queries 2 + 1 = 3. Passages 1 + 2 = 3. Tokens: queries (2 + 1) + (1 + 1) + (1 + 1);
    passages, cut to 3, 3 + 2, then 3 + 2 and 1 + 2: 7 + 13 = 20.
    """
    speed, model, at = Speed(), Model(), SimpleNamespace(global_step=0)
    told: Any = (at, model)

    def done(queries: list[list[int]], passages: list[list[int]]) -> None:
        ended: Any = (*told, None, batch(queries, passages), 0)
        speed.on_train_batch_end(*ended)

    speed.on_train_epoch_start(*told)
    clock.now += 50
    speed.on_validation_end(*told)
    clock.now += 1
    done([[5, 6], [7]], [[1, 2, 3, 4]])
    assert model.logged == {}
    clock.now += 3
    at.global_step = 1
    done([[5]], [[1, 2, 3], [9]])
    assert model.logged["train/queries_per_second"] == 3 / 4
    assert model.logged["train/passages_per_second"] == 3 / 4
    assert model.logged["train/tokens_per_second"] == 20 / 4
    assert 0.1 < model.logged["train/memory_gib"] < 1000
    clock.now += 2
    at.global_step = 2
    done([[5]], [[1]])
    assert model.logged["train/queries_per_second"] == 1 / 2

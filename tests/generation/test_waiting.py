"""Waiting for an endpoint: inside a running event loop too, and until Ctrl-C."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dr_lightning.generation.engine import Answer, Request
from dr_lightning.generation.engines import OpenAICompatible
from dr_lightning.generation.patience import Patience
from tests.fake_endpoint import Reply, failure, serving

QUICK = Patience(backoff=0.01, timeout=5, tries=3)


def test_answers_come_inside_a_running_loop_as_in_a_notebook() -> None:
    replies = [Reply(), failure(401, "wrong key")]

    async def cell(engine: OpenAICompatible) -> list[Answer]:
        return engine.answer([Request("question", "", "Tea.", 0)])

    with serving(lambda _, number: replies[number - 1]) as server:
        engine = OpenAICompatible(server.url, "tiny", patience=QUICK)
        assert asyncio.run(cell(engine)) == [
            Answer("a query", prompt_tokens=30, tokens=3)
        ]
        with pytest.raises(ValueError, match="wrong key"):
            asyncio.run(cell(engine))


SCRIPT = """
import asyncio, signal, sys
from dr_lightning.generation.engine import Request
from dr_lightning.generation.engines import OpenAICompatible, endpoint
engine = OpenAICompatible(sys.argv[1], "tiny")
def answer():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    engine.answer([Request("question", "", "Tea.", seed) for seed in range(100)])
async def cell():
    answer()
"""


@pytest.mark.parametrize("call", ["answer()", "asyncio.run(cell())"])
def test_interrupt_stops_at_once_and_quietly(call: str) -> None:
    """As Ctrl-C does, also from a background job, where a shell has it ignored.

    In a notebook, too, whose kernel sets the same handler while a cell runs.
    """
    process = None
    with serving(lambda *_: Reply(delay=120)) as server:
        try:
            process = subprocess.Popen(
                [sys.executable, "-c", SCRIPT + call, server.url],
                stderr=subprocess.PIPE,
                text=True,
                env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
            )
            deadline = time.monotonic() + 60
            while len(server.bodies) < 32 and time.monotonic() < deadline:
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)  # half of an answer's delay
        finally:
            if process is not None:
                process.kill()
                process.wait()
    assert process.returncode == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert "never retrieved" not in errors
    assert errors.count("Traceback") <= 2

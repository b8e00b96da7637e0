"""Two processes that were stopped and taken up again end as two that were not."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.ranks import become_rank, in_two_processes
from tests.stopped_runs import Save, Terminate, extended, same
from tests.training_runs import Run, train, write_lists

pytestmark = pytest.mark.slow

# 5 batches an epoch, the last one of 1 query: one of two ranks answers for none.
QUERIES = 17
RUN = Run(dropout=0.3, trainer={"accumulate_grad_batches": 2})
# Optimizer steps: 3 an epoch.
STEPS = (1, 3, 4)


def _whole(process: int, port: int, folder: Path) -> None:
    """The run that nothing stops, with a checkpoint a step; then on from some."""
    become_rank(process, port)
    results: dict[Any, Any] = {}
    for step in (None, *STEPS):
        home = folder / str(step)
        checkpoint = folder / "None" / "saved" / f"step={step}.ckpt"
        results[step] = train(
            extended(RUN, Save(home / "saved")),
            folder / "data",
            home,
            devices=2,
            ckpt_path=str(checkpoint) if step else None,
        )
    torch.save(results, folder / f"{process}.pt")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resume_ddp")
    write_lists(folder / "data", QUERIES)
    in_two_processes(_whole, folder)
    return folder


@pytest.mark.parametrize("step", STEPS)
def test_two_processes_go_on_from_a_checkpoint(folder: Path, step: int) -> None:
    for process in (0, 1):
        results = torch.load(folder / f"{process}.pt")
        assert results[None]["step"] == 6
        same(results[None], results[step])


def _terminated(process: int, port: int, folder: Path) -> None:
    become_rank(process, port)
    run = extended(RUN, Terminate(2), Save(folder / "terminated" / "saved"))
    try:
        train(run, folder / "data", folder / "terminated", devices=2)
    except BaseException as e:
        (folder / f"exit{process}").write_text(repr(e))

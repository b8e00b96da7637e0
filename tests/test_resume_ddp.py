"""Two processes that were stopped and taken up again end as two that were not."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from tests.ranks import become_rank, in_two_processes
from tests.stopped_runs import Save, Terminate, extended, same
from tests.training_runs import Run, train, write_lists

pytestmark = pytest.mark.slow

# 5 batches an epoch, the last one of 1 query: one of two ranks answers for none.
QUERIES = 17
RUN = Run(dropout=0.3, trainer={"accumulate_grad_batches": 2})
# Optimizer steps: 3 an epoch.
STEPS = ("step=1", "step=3", "step=4")


TERMINATED = "terminated"


def _terminated(process: int, port: int, folder: Path) -> None:
    """Both ranks get the signal in the first half of an accumulation."""
    become_rank(process, port)
    saver = ModelCheckpoint(
        folder / "saved", TERMINATED, every_n_train_steps=1000, save_on_exception=True
    )
    with pytest.raises(SystemExit):
        train(extended(RUN, Terminate(2), saver), folder / "data", folder, devices=2)


def _whole(process: int, port: int, folder: Path) -> None:
    """The run that nothing stops, with a checkpoint a step; then on from some."""
    become_rank(process, port)
    results: dict[str, Any] = {}
    for name in ("whole", TERMINATED, *STEPS):
        checkpoint = str(folder / "saved" / f"{name}.ckpt")
        saves = folder / ("saved" if name == "whole" else f"saved again {name}")
        results[name] = train(
            extended(RUN, Save(saves)),
            folder / "data",
            folder / name,
            devices=2,
            ckpt_path=None if name == "whole" else checkpoint,
        )
    torch.save(results, folder / f"{process}.pt")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resume_ddp")
    write_lists(folder / "data", QUERIES)
    in_two_processes(_terminated, folder)
    in_two_processes(_whole, folder)
    return folder


@pytest.mark.parametrize("name", [*STEPS, TERMINATED])
def test_two_processes_go_on_from_a_checkpoint(folder: Path, name: str) -> None:
    for process in (0, 1):
        results = torch.load(folder / f"{process}.pt")
        assert results["whole"]["step"] == 6
        assert len(results[name]["losses"]) < len(results["whole"]["losses"])
        same(results["whole"], results[name])

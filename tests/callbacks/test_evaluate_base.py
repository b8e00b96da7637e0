"""The base is one more candidate: for the stop, for the checkpoint, for the table."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.optim import Optimizer

from dr_lightning.callbacks import EvaluateBase, RunSummary, StopEarly
from tests.training_runs import Run, train, write_lists


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lists(tmp_path_factory.mktemp("base") / "data", 18)


def ruinous(parameters: Any) -> Optimizer:
    return torch.optim.SGD(parameters, lr=50.0)


def run(
    saver: ModelCheckpoint, optimizer: Any = ruinous, *more: Callback, **settings: Any
) -> Run:
    options = {"limit_val_batches": 1.0, "enable_checkpointing": True, "max_epochs": 5}
    stop = StopEarly(["val/loss"])
    return Run(
        optimizer=optimizer,
        trainer=options | settings,
        callbacks=lambda: [EvaluateBase(), stop, saver, *more],
    )


def test_the_base_is_kept_and_the_run_stops_where_nothing_is_better(
    data: Path, tmp_path: Path
) -> None:
    saver = ModelCheckpoint(tmp_path / "saved", "{step}", monitor="val/loss")
    result = train(run(saver, ruinous, RunSummary()), data, tmp_path)
    assert result["step"] == 10  # the base, then two epochs that are worse
    assert Path(saver.best_model_path).name == "step=0.ckpt"
    record = json.loads((tmp_path / "run.json").read_text("utf-8"))
    assert [one["step"] for one in record["evaluations"]] == [0, 5, 10]
    assert record["selected_step"] == 0
    saved = torch.load(saver.best_model_path, weights_only=False)
    assert saved["global_step"] == 0


@pytest.mark.parametrize("step", [0, 5])
def test_a_resumed_run_does_not_evaluate_the_base_again(
    step: int, data: Path, tmp_path: Path
) -> None:
    first = ModelCheckpoint(tmp_path / "first", "{step}", save_top_k=-1)
    train(run(first, ruinous, RunSummary(), max_epochs=1), data, tmp_path)
    second = ModelCheckpoint(tmp_path / "second", "{step}", save_top_k=-1)
    home = tmp_path / "resumed"
    checkpoint = str(tmp_path / "first" / f"step={step}.ckpt")
    train(
        run(second, ruinous, RunSummary(), max_epochs=2),
        data,
        home,
        ckpt_path=checkpoint,
    )
    record = json.loads((home / "run.json").read_text("utf-8"))
    assert [one["step"] for one in record["evaluations"]] == [0, 5, 10]


def test_without_validation_there_is_nothing_to_evaluate(
    data: Path, tmp_path: Path
) -> None:
    options = {"max_epochs": 1, "limit_val_batches": 0}
    result = train(
        Run(trainer=options, callbacks=lambda: [EvaluateBase()]), data, tmp_path
    )
    assert result["step"] == 5

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
from tests.training_runs import Run, adamw, train, write_lists


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


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({"max_epochs": -1, "max_steps": 3}, [0, 3]),
        ({"max_epochs": 3, "check_val_every_n_epoch": 2}, [0, 10, 15]),
    ],
)
def test_a_run_that_ends_between_validations_is_validated_at_its_end(
    settings: dict[str, Any], steps: list[int], data: Path, tmp_path: Path
) -> None:
    saver = ModelCheckpoint(tmp_path / "saved", "{step}", monitor="val/loss")
    last = ModelCheckpoint(tmp_path / "saved", "last")
    train(run(saver, adamw, last, RunSummary(), **settings), data, tmp_path)
    record = json.loads((tmp_path / "run.json").read_text("utf-8"))
    assert [one["step"] for one in record["evaluations"]] == steps
    assert record["selected_step"] == steps[-1]
    saved = torch.load(tmp_path / "saved" / "last.ckpt", weights_only=False)
    assert saved["global_step"] == steps[-1]


@pytest.mark.parametrize(
    "when", [{"every_n_epochs": 2}, {"save_on_train_epoch_end": True}]
)
def test_the_base_is_a_candidate_of_whatever_saves_at_other_times(
    when: dict[str, Any], data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "saved"
    saver = ModelCheckpoint(folder, "{step}", monitor="val/loss", **when)
    train(run(saver, ruinous, max_epochs=2), data, tmp_path)
    assert Path(saver.best_model_path).name == "step=0.ckpt"


@pytest.mark.parametrize("kept", [True, False])
def test_a_run_resumed_in_another_folder_remembers_the_best(
    kept: bool, data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def saver(name: str) -> ModelCheckpoint:
        return ModelCheckpoint(
            tmp_path / name, "{step}", monitor="val/loss", save_last=True
        )

    first, second = saver("first"), saver("second")
    train(run(first, ruinous, max_epochs=1), data, tmp_path)
    if not kept:
        Path(first.best_model_path).unlink()
    last = str(tmp_path / "first" / "last.ckpt")
    train(run(second, ruinous, max_epochs=2), data, tmp_path, ckpt_path=last)
    found = Path(second.best_model_path)
    assert found.is_file()
    assert (found.parent.name, found.name) == (
        ("first", "step=0.ckpt") if kept else ("second", "step=5.ckpt")
    )
    assert ("is gone: others are compared anew" in caplog.text) is not kept


def test_without_validation_there_is_nothing_to_evaluate(
    data: Path, tmp_path: Path
) -> None:
    options = {"max_epochs": 1, "limit_val_batches": 0}
    result = train(
        Run(trainer=options, callbacks=lambda: [EvaluateBase()]), data, tmp_path
    )
    assert result["step"] == 5

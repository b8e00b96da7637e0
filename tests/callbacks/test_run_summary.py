"""`run.json` while the run goes on: what a reader finds who does not wait."""

import json
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from dr_lightning.callbacks import EvaluateBase, RunSummary
from tests.training_runs import Run, train, write_lists


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lists(tmp_path_factory.mktemp("summary") / "data", 18)


class Reader(Callback):
    """Reads the file after each batch, and after the last evaluation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: list[tuple[int, int | None, str]] = []

    def on_train_batch_end(self, trainer: Trainer, *arguments: Any) -> None:
        self._read(trainer)

    def on_fit_end(self, trainer: Trainer, *arguments: Any) -> None:
        self._read(trainer)

    def _read(self, trainer: Trainer) -> None:
        record = json.loads((self.folder / "run.json").read_text("utf-8"))
        best = getattr(trainer.checkpoint_callback, "best_model_path", "")
        last = record["evaluations"][-1]["step"]
        self.seen.append((last, record["selected_step"], Path(best).stem))


@pytest.mark.parametrize("settings", [{"val_check_interval": 2}, {"max_steps": 9}])
def test_the_selected_step_is_that_of_the_checkpoint(
    settings: dict[str, Any], data: Path, tmp_path: Path
) -> None:
    # Each evaluation is selected, as the dev loss falls.
    saver = ModelCheckpoint(tmp_path / "saved", "{step}", monitor="val/loss")
    reader = Reader(tmp_path)
    options = {"limit_val_batches": 1.0, "enable_checkpointing": True}
    train(
        Run(
            trainer=options | settings,
            callbacks=lambda: [EvaluateBase(), reader, saver, RunSummary()],
        ),
        data,
        tmp_path,
    )
    assert len({selected for _, selected, _ in reader.seen}) > 1
    for evaluated, selected, saved in reader.seen:
        assert selected == evaluated
        assert saved == f"step={selected}"


def test_a_checkpoint_under_the_same_name_is_noticed(
    data: Path, tmp_path: Path
) -> None:
    saver = ModelCheckpoint(
        tmp_path / "saved", "best", monitor="val/loss", enable_version_counter=False
    )
    reader = Reader(tmp_path)
    options = {"limit_val_batches": 1.0, "enable_checkpointing": True}
    train(
        Run(
            trainer=options,
            callbacks=lambda: [EvaluateBase(), reader, saver, RunSummary()],
        ),
        data,
        tmp_path,
    )
    assert [selected for _, selected, _ in reader.seen] == [0] * 5 + [5] * 5 + [10]


def test_nothing_is_written_before_the_first_evaluation(
    data: Path, tmp_path: Path
) -> None:
    options = {"limit_val_batches": 1.0, "max_steps": 1}

    class Absent(Callback):
        def on_train_batch_end(self, *arguments: Any) -> None:
            assert not (tmp_path / "run.json").exists()

    train(
        Run(trainer=options, callbacks=lambda: [RunSummary(), Absent()]), data, tmp_path
    )
    assert (tmp_path / "run.json").is_file()

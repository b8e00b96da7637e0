"""Each run has a folder of its own, whatever its loggers are."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from lightning.pytorch.loggers import Logger

from dr_lightning.cli import main
from tests.fit_command import CONFIG, callbacks, options, part

FILES = {"config.yaml", "model", "run.json", "checkpoints"}


class Remote(Logger):
    """As `WandbLogger` and `MLFlowLogger`: one `save_dir`, ids for the runs."""

    def __init__(self, save_dir: str, version: str) -> None:
        super().__init__()
        self._save_dir = save_dir
        self._version = version

    @property
    def save_dir(self) -> str:
        return self._save_dir

    @property
    def name(self) -> str:
        return "project"

    @property
    def version(self) -> str:
        return self._version

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        """Somewhere else."""

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Somewhere else."""


def fit(folder: Path, loggers: list[Any] | bool, seed: int) -> None:
    chosen = callbacks(
        folder,
        "EvaluateBase",
        "EvaluateRetrieval",
        part("ModelCheckpoint", filename="last"),
        "RunSummary",
        "ExportEncoder",
    )
    given = yaml.safe_dump(loggers, default_flow_style=True, width=10_000).strip()
    more = [chosen, "--trainer.max_steps=2", f"--seed_everything={seed}"]
    own = f"--trainer.logger={given.removesuffix('...').strip()}"
    main(["fit", "--config", str(CONFIG), *options(folder), *more, own])


def remote(folder: Path, version: str) -> dict[str, Any]:
    return part(f"{__name__}.Remote", save_dir=str(folder), version=version)


def check(run: Path, seed: int) -> None:
    assert {path.name for path in run.iterdir()} >= FILES
    config = yaml.safe_load((run / "config.yaml").read_text())
    record = json.loads((run / "run.json").read_text())
    assert config["seed_everything"] == record["seeds"]["seed_everything"] == seed


def test_runs_of_a_logger_without_folders_do_not_replace_each_other(
    tmp_path: Path,
) -> None:
    home = tmp_path / "all"
    for seed, version in enumerate(("one", "two")):
        (tmp_path / version).mkdir()
        fit(tmp_path / version, [remote(home, version)], seed)
    for seed, version in enumerate(("one", "two")):
        check(home / "project" / version, seed)
    assert [path.name for path in home.iterdir()] == ["project"]


def test_the_folder_is_that_of_the_metrics_file_wherever_its_logger_stands(
    tmp_path: Path,
) -> None:
    csv = part("CSVLogger", save_dir=str(tmp_path / "runs"), name="mine")
    fit(tmp_path, [remote(tmp_path / "all", "one"), csv], 3)
    run = tmp_path / "runs" / "mine" / "version_0"
    assert (run / "metrics.csv").is_file()
    (run / "checkpoints").mkdir()  # Lightning's go to the first logger's folder
    check(run, 3)


def test_without_a_logger_the_folder_is_the_trainer_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fit(tmp_path, False, 3)
    check(tmp_path, 3)

"""The same seed gives the same run; a resumed run keeps its batches."""

import json
from pathlib import Path

import polars as pl
import pytest

from dr_lightning.cli import main
from tests.config_of_fit import Config, fit, part, run_folder


def test_another_seed_is_another_run_and_the_same_is_the_same(
    config: Config, tmp_path: Path
) -> None:
    """The encoder has no dropout: what a seed changes is the order of the queries."""
    config["trainer"] |= {"max_steps": 4, "callbacks": [part("ExportEncoder")]}
    del config["data"]["init_args"]["batching"]["seed"]

    def losses(version: int, *options: str) -> list[float]:
        fit(config, tmp_path, *options)
        folder = run_folder(tmp_path, version)
        record = json.loads((folder / "run.json").read_text())
        assert record["seeds"]["batches"] == record["seeds"]["seed_everything"]
        metrics = pl.read_csv(folder / "metrics.csv")
        return metrics["train/loss"].drop_nulls().to_list()

    config["trainer"]["callbacks"].append(part("RunSummary"))
    first = losses(0)
    assert losses(1) == first
    other = losses(2, "--seed_everything=4")
    assert len(other) == len(first) == 4
    assert all(one != two for one, two in zip(first, other, strict=True))
    # One's own seed of the batches stays, whatever the run's is.
    own = "--data.batching.seed=3"
    config["trainer"]["callbacks"].pop()
    fit(config, tmp_path, "--seed_everything=4", own)
    again = pl.read_csv(run_folder(tmp_path, 3) / "metrics.csv")
    assert again["train/loss"].drop_nulls().to_list() == first


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--data.batching.seed=2", "seed 1, but this one 2"),
        ("--data.batching.order.size=2", "batches an epoch 4, but this one 8"),
    ],
)
def test_a_run_does_not_go_on_with_other_batches(
    option: str,
    told: str,
    config: Config,
    tmp_path: Path,
) -> None:
    config["trainer"]["max_steps"] = 2
    config["trainer"]["callbacks"] = [part("ModelCheckpoint", filename="last")]
    saved = str(fit(config, tmp_path) / "checkpoints" / "last.ckpt")
    config["trainer"]["max_steps"] = 3
    with pytest.raises(ValueError, match=told):
        fit(config, tmp_path, "--ckpt_path", saved, option)
    main(["test", "--config", str(tmp_path / "c.yaml"), "--ckpt_path", saved, option])
    fit(config, tmp_path, "--ckpt_path", saved)

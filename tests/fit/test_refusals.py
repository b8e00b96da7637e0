"""What `fit` refuses before it trains, and what it warns of."""

import json
from pathlib import Path

import polars as pl
import pytest
from lightning.pytorch.strategies import SingleDeviceStrategy

from dr_lightning import artefacts, schemas
from dr_lightning.cli import main
from dr_lightning.models.encoder import Encoder
from tests.config_of_fit import Config, fit, part, write


def test_kl_without_teacher_scores_is_refused_before_training(
    config: Config, tiny: Path, tmp_path: Path
) -> None:
    path = tiny / "train.parquet"
    bare = artefacts.read(path, schemas.TRAINING_LISTS).with_columns(
        teacher_score=pl.lit(None, dtype=pl.List(pl.Float32))
    )
    manifest = artefacts.Manifest(stage="test")
    artefacts.write(bare, path, schemas.TRAINING_LISTS, manifest, overwrite=True)
    with pytest.raises(ValueError, match="learns from teacher scores"):
        fit(config, tmp_path)


def test_lists_of_one_passage_are_refused_by_kl_and_taken_by_info_nce(
    config: Config, tmp_path: Path
) -> None:
    config["data"]["init_args"]["batching"]["sampling"] = {"length": 1}
    with pytest.raises(ValueError, match="needs lists of at least 2"):
        fit(config, tmp_path)
    config["model"]["objective"] = part("InfoNCE")
    main(["fit", "--config", str(write(config, tmp_path / "d.yaml"))])


def test_temperatures_far_apart_are_told(config: Config, tmp_path: Path) -> None:
    config["model"]["objective"] = part("ListwiseKL", teacher_temperature=0.05)
    config["trainer"]["max_epochs"] = 1
    with pytest.warns(UserWarning, match="Set the objective's teacher_temperature"):
        fit(config, tmp_path)


def test_dot_products_are_trained_only_where_asked_for(
    config: Config, tiny_encoder_dir: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "dot"
    Encoder(str(tiny_encoder_dir), "mean", normalize=False).save(folder)
    encoder = config["model"]["encoder"]["init_args"]
    encoder |= {"backbone": str(folder), "pooling": None}
    with pytest.raises(
        ValueError, match=r"/dot' gives dot products of any size, .*: true"
    ):
        fit(config, tmp_path)
    config["trainer"]["max_epochs"] = 1
    config["model"]["objective"] = part("InfoNCE")
    for normalize in (True, False):
        encoder["normalize"] = normalize
        fit(config, tmp_path)
    written = (tmp_path / "runs").rglob("encoder.json")
    told = [json.loads(file.read_text("utf-8"))["normalize"] for file in written]
    assert sorted(told) == [False, True]


def test_a_strategy_that_is_not_proven_is_refused(
    config: Config, tmp_path: Path
) -> None:
    config["trainer"]["strategy"] = part(f"{__name__}.UnprovenStrategy")
    with pytest.raises(ValueError, match="not proven right"):
        fit(config, tmp_path)


class UnprovenStrategy(SingleDeviceStrategy):
    """Stands for DeepSpeed, FSDP and others, which need what a test machine lacks."""

    def __init__(self) -> None:
        super().__init__(device="cpu")


def test_unknown_command_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["fitt"])
    assert "no command 'fitt'" in capsys.readouterr().err

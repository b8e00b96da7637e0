"""Tiny data and a config that uses every part of a run."""

from pathlib import Path

import pytest

from tests.config_of_fit import Config, part
from tests.tiny_data import write_tiny


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_tiny(tmp_path / "tiny")


@pytest.fixture
def config(tiny: Path, tiny_encoder_dir: Path, tmp_path: Path) -> Config:
    collection = {
        "name": "tiny",
        "corpus": str(tiny / "corpus.parquet"),
        "queries": str(tiny / "queries.parquet"),
        "qrels": str(tiny / "qrels.parquet"),
    }
    return {
        "seed_everything": 3,
        "model": {
            "encoder": part(
                "dr_lightning.models.encoder.Encoder",
                backbone=str(tiny_encoder_dir),
                pooling="mean",
            ),
            "objective": part(
                "WeightedSum",
                objectives=[part("ListwiseKL"), part("InfoNCE")],
                weights=[1.0, 0.1],
            ),
            "optimizer": part("torch.optim.AdamW", lr=1e-3),
            "micro_batching": {"tokens": 64},
        },
        "data": part(
            "TrainingListDataModule",
            corpus=str(tiny / "corpus.parquet"),
            lists={
                "train": str(tiny / "train.parquet"),
                "dev": str(tiny / "dev.parquet"),
            },
            batching={"order": part("PlainBatches", size=4), "seed": 1},
            collections={"validation": [collection], "test": [collection]},
            reading={"cache": str(tmp_path / "cache")},
        ),
        "trainer": {
            "accelerator": "cpu",
            "devices": 1,
            "max_epochs": 2,
            "gradient_clip_val": 1.0,
            "num_sanity_val_steps": 0,
            "log_every_n_steps": 1,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "logger": part("CSVLogger", save_dir=str(tmp_path / "runs"), name="t"),
            "callbacks": [
                part("EvaluateBase"),
                part("EvaluateRetrieval"),
                part(
                    "ModelCheckpoint",
                    monitor="val/loss",
                    filename="step-{step}",
                    auto_insert_metric_name=False,
                ),
                part("StopEarly"),
                part("RunSummary"),
                part("ExportEncoder"),
            ],
        },
    }

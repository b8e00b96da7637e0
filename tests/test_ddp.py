"""Two processes train as one does: the same losses, the same weights, step by step."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
import yaml
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint

from dr_lightning.callbacks import (
    EmbeddingDrift,
    EvaluateBase,
    EvaluateRetrieval,
    Examples,
    ExportEncoder,
    FindLearningRate,
    GradientNorm,
    RunSummary,
    Speed,
    StopEarly,
)
from dr_lightning.callbacks.sub_corpus import SubCorpus
from dr_lightning.data import PlainBatches, SourceBatches
from tests.ranks import become_rank, in_two_processes
from tests.training_runs import ENCODER, Run, adamw, sgd, train, write_lists

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
QUERIES = 17
FLOAT64 = {"precision": "64-true"}


def callbacks() -> list[Callback]:
    return [
        EvaluateBase(),
        EvaluateRetrieval(["nDCG@10", "R@5"], sub_corpus=SubCorpus(top=2, random=3)),
        ModelCheckpoint(monitor="val/loss", filename="best"),
        StopEarly(),
        RunSummary(),
        ExportEncoder(),
    ]


def watchers() -> list[Callback]:
    return [
        EvaluateBase(),
        EvaluateRetrieval(["nDCG@10", "R@5"]),
        EmbeddingDrift(5),
        GradientNorm(),
        Speed(),
        Examples(count=3),
        EMAWeightAveraging(decay=0.9),
    ]


RUNS = {
    # The last batch of an epoch has one query: one of two ranks answers for none.
    "float64": Run(optimizer=sgd, trainer=FLOAT64),
    "accumulated": Run(
        PlainBatches(3),
        optimizer=sgd,
        trainer=FLOAT64 | {"accumulate_grad_batches": 2},
    ),
    "single queries": Run(
        SourceBatches(1),
        recompute=False,
        optimizer=sgd,
        trainer=FLOAT64 | {"max_steps": 8},
    ),
    "float32": Run(optimizer=sgd),
    # Not clipped: the length of a gradient must show in what rounding leaves.
    "bfloat16": Run(
        optimizer=sgd,
        trainer={"precision": "bf16-mixed", "gradient_clip_val": None},
    ),
    "evaluated": Run(
        optimizer=adamw,
        trainer=FLOAT64 | {"limit_val_batches": 1.0, "enable_checkpointing": True},
        callbacks=callbacks,
    ),
    "watched": Run(
        optimizer=adamw,
        trainer=FLOAT64 | {"limit_val_batches": 1.0, "accumulate_grad_batches": 2},
        callbacks=watchers,
    ),
}
# Losses are about 2, weights about 0.25. A rank's micro-batches are not those of one
# process, so sums are rounded in another order: float64 leaves nothing of it, bfloat16
# has three decimal digits.
LOSS = {"float32": 1e-5, "bfloat16": 1e-2}
WEIGHT = {"float32": 1e-5, "bfloat16": 1e-2}
EXACT = 1e-10  # AdamW makes 1e-12 out of gradients that should be 0


def _rank(process: int, port: int, folder: str) -> None:
    become_rank(process, port)
    data, home = Path(folder) / "data", Path(folder) / "two"
    results: dict[str, Any] = {
        name: train(run, data, home / name, devices=2) for name, run in RUNS.items()
    }
    trial = Run(callbacks=lambda: [FindLearningRate(steps=20)])
    results["rates tried"] = train(trial, data, home / "rates", devices=2)
    try:
        sharded = Run(trainer={"use_distributed_sampler": True})
        train(sharded, data, home / "sharded", devices=2)
    except ValueError as error:
        results["sharded"] = str(error)
    torch.save(results, f"{folder}/{process}.pt")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ddp")
    write_lists(folder / "data", QUERIES)
    return folder


@pytest.fixture(scope="module")
def ranks(folder: Path) -> list[dict[str, Any]]:
    """What each of two processes found, for all runs one after the other."""
    in_two_processes(_rank, str(folder))
    return [torch.load(folder / f"{process}.pt") for process in (0, 1)]


@pytest.mark.parametrize("name", RUNS)
def test_two_processes_train_as_one(
    name: str, folder: Path, ranks: list[dict[str, Any]]
) -> None:
    one = train(RUNS[name], folder / "data", folder / "one" / name)
    assert one["step"] >= 6
    for rank in ranks:
        two = rank[name]
        assert two["step"] == one["step"]
        tolerance = LOSS.get(name, EXACT)
        torch.testing.assert_close(two["losses"], one["losses"], atol=tolerance, rtol=0)
        tolerance = WEIGHT.get(name, EXACT)
        torch.testing.assert_close(
            two["weights"], one["weights"], atol=tolerance, rtol=0
        )
    both = [rank[name]["weights"] for rank in ranks]
    torch.testing.assert_close(*both, atol=0, rtol=0)


def test_metrics_and_files_are_those_of_one_process(
    folder: Path, ranks: list[dict[str, Any]]
) -> None:
    home = folder / "alone"
    one = train(RUNS["evaluated"], folder / "data", home)
    keys = {"val/loss", "val/nDCG@10", "val/R@5", "val/one/nDCG@10", "val/two/R@5"}
    assert keys <= set(one["metrics"])
    for rank in ranks:
        assert rank["evaluated"]["metrics"] == pytest.approx(one["metrics"], abs=EXACT)
    for step in ("base-0", "val-0", "val-5", "last-10"):
        path = Path("retrieval") / step / "one.parquet"
        alone = pl.read_parquet(home / path)
        together = pl.read_parquet(folder / "two" / "evaluated" / path)
        assert together["passage_id"].equals(alone["passage_id"])
    assert (folder / "two" / "evaluated" / "model" / "model.safetensors").is_file()


def test_what_is_watched_is_that_of_one_process(
    folder: Path, ranks: list[dict[str, Any]]
) -> None:
    def steady(metrics: dict[str, float]) -> dict[str, float]:
        own = ("per_second", "memory_gib")  # of the machine
        return {k: v for k, v in metrics.items() if not k.endswith(own)}

    home = folder / "watched"
    one = train(RUNS["watched"], folder / "data", home)["metrics"]
    assert {"train/grad_norm", "val/drift/query_to_base"} <= one.keys()
    for rank in ranks:
        found = rank["watched"]["metrics"]
        assert found.keys() == one.keys()
        assert steady(found) == pytest.approx(steady(one), abs=EXACT)
    peaks = {rank["watched"]["metrics"]["train/memory_gib"] for rank in ranks}
    assert len(peaks) == 1
    page = Path("examples") / "step-6.md"
    two = folder / "two" / "watched" / page
    assert two.read_text("utf-8") == (home / page).read_text("utf-8")


def test_ranks_take_one_rate_from_a_trial(
    folder: Path, ranks: list[dict[str, Any]]
) -> None:
    both = [rank["rates tried"]["weights"] for rank in ranks]
    torch.testing.assert_close(*both, atol=0, rtol=0)
    assert (folder / "two" / "rates" / "learning_rates.csv").is_file()


def test_ranks_with_different_batches_are_refused(ranks: list[dict[str, Any]]) -> None:
    for rank in ranks:
        assert "ranks were given different batches" in rank["sharded"]
        assert "use_distributed_sampler: false" in rank["sharded"]


def test_the_command_line_starts_two_processes(folder: Path, tmp_path: Path) -> None:
    data = folder / "data"
    config = {
        "model": {
            "encoder": {
                "class_path": "dr_lightning.models.encoder.Encoder",
                "init_args": {"backbone": str(ENCODER), "pooling": "mean"},
            },
            "objective": "ListwiseKL",
        },
        "data": {
            "class_path": "TrainingListDataModule",
            "init_args": {
                "corpus": str(data / "corpus.parquet"),
                "lists": {
                    "train": str(data / "train.parquet"),
                    "dev": str(data / "dev.parquet"),
                },
                "reading": {"cache": str(tmp_path / "cache")},
            },
        },
        "trainer": {
            "max_epochs": 1,
            "accelerator": "cpu",
            "devices": 2,
            "strategy": {
                "class_path": "DDPStrategy",
                "init_args": {"process_group_backend": "gloo"},
            },
            "default_root_dir": str(tmp_path),
            "callbacks": [{"class_path": "RunSummary"}, {"class_path": "StopEarly"}],
        },
    }
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config), "utf-8")
    command = [sys.executable, "-m", "dr_lightning", "fit", "--config", str(path)]
    logger = ["--trainer.logger.save_dir", str(tmp_path / "runs")]
    done = subprocess.run(
        [*command, *logger], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    (record,) = (tmp_path / "runs").rglob("run.json")
    assert '"status": "finished"' in record.read_text("utf-8")
    assert '"ranks": 2' in record.read_text("utf-8")

"""Short runs of the trainer on the tiny collection, the same in any process."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import torch
from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor
from torch.optim import Optimizer

from dr_lightning import artefacts, schemas
from dr_lightning.data import PlainBatches, TrainingListDataModule
from dr_lightning.data.batches import Batches
from dr_lightning.data.collections import Collection, Collections
from dr_lightning.data.list_sources import ListFiles
from dr_lightning.data.lists_module import ListBatching
from dr_lightning.data.retrieval import Reading
from dr_lightning.data.training_lists import ListSampling
from dr_lightning.models.bi_encoder import BiEncoder
from dr_lightning.models.encoder import Encoder
from dr_lightning.models.micro_batch import MicroBatching
from dr_lightning.objectives import InfoNCE, ListwiseKL, WeightedSum
from tests.tiny_data import write_tiny

ENCODER = Path(__file__).parent / "assets" / "encoder"


def adamw(parameters: Any) -> Optimizer:
    return torch.optim.AdamW(parameters, lr=1e-3)


def sgd(parameters: Any) -> Optimizer:
    """Unlike AdamW it does not hide a gradient of the wrong length."""
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.9)


def both() -> WeightedSum:
    """KL with a calibrated temperature, and some InfoNCE: every path of a step."""
    kl = ListwiseKL(teacher_temperature="match")
    return WeightedSum([kl, InfoNCE(temperature=0.1)], [1.0, 0.3])


@dataclass(frozen=True)
class Run:
    """Settings of a short run."""

    order: Batches = field(default_factory=lambda: PlainBatches(4))
    sampling: ListSampling = field(default_factory=ListSampling)
    workers: int = 0
    dropout: float = 0.0
    recompute: bool = True
    optimizer: Callable[[Any], Optimizer] = adamw
    trainer: dict[str, Any] = field(default_factory=dict)
    callbacks: Callable[[], list[Callback]] = list


def write_lists(folder: Path, queries: int) -> Path:
    """The tiny collection with `queries` train lists of uneven length.

    Two queries of each subject share their positive, every second list has 4 passages
    of 6, and some queries exclude a passage.
    """
    write_tiny(folder)
    frames = [
        artefacts.read(folder / f"{name}.parquet", schemas.TRAINING_LISTS)
        for name in ("train", "dev")
    ]
    lists = pl.concat(frames).sort("query_id").head(queries)
    length = pl.when(pl.int_range(pl.len()) % 2 == 0).then(6).otherwise(4)
    shared = pl.col("query_id").str.ends_with("1")
    ids = pl.col("passage_id")
    own = pl.concat_list(ids.list.get(1), ids.list.get(0), ids.list.slice(2))
    lists = lists.with_columns(pl.when(shared).then(own).otherwise(ids)).with_columns(
        pl.col("passage_id", "teacher_score").list.head(length)
    )
    path = folder / "train.parquet"
    manifest = artefacts.Manifest(stage="test")
    artefacts.write(lists, path, schemas.TRAINING_LISTS, manifest, overwrite=True)
    return folder


class Recorder(Callback):
    """Keeps the loss of each batch and the rate of each step."""

    def __init__(self) -> None:
        self.losses: list[Tensor] = []

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        # Logged, hence averaged over ranks; a rank's own is its share x ranks.
        self.losses.append(trainer.callback_metrics["train/loss"].clone())


def data_module(run: Run, data: Path, cache: Path) -> TrainingListDataModule:
    sources = [
        Collection(
            name,
            data / "corpus.parquet",
            data / "queries.parquet",
            data / "qrels.parquet",
        )
        for name in ("one", "two")
    ]
    return TrainingListDataModule(
        corpus=data / "corpus.parquet",
        lists=ListFiles(data / "train.parquet", data / "dev.parquet"),
        batching=ListBatching(run.order, run.sampling, dev_size=3, seed=1),
        collections=Collections(sources, sources[:1]),
        reading=Reading(cache=cache, workers=run.workers),
    )


def train(
    run: Run, data: Path, folder: Path, devices: int = 1, ckpt_path: str | None = None
) -> dict[str, Any]:
    """Runs `fit` and gives losses, metrics and weights."""
    seed_everything(5, verbose=False)
    encoder = Encoder(str(ENCODER), pooling="mean", dropout=run.dropout)
    batching = MicroBatching(tokens=40, recompute=run.recompute)
    model = BiEncoder(encoder, both(), run.optimizer, micro_batching=batching)
    recorder = Recorder()
    options: dict[str, Any] = {
        "max_epochs": 2,
        "gradient_clip_val": 0.5,
        "limit_val_batches": 0,
        "enable_checkpointing": False,
        "logger": False,
        "use_distributed_sampler": False,
        **run.trainer,
    }
    if devices > 1:
        options["strategy"] = DDPStrategy(process_group_backend="gloo")
    trainer = Trainer(
        accelerator="cpu",
        devices=devices,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        callbacks=[recorder, *run.callbacks()],
        **options,
    )
    module = data_module(run, data, data / "cache")
    trainer.fit(model, datamodule=module, ckpt_path=ckpt_path)
    return {
        "losses": torch.tensor([x.item() for x in recorder.losses], dtype=torch.double),
        "weights": {k: v.double() for k, v in model.state_dict().items()},
        "metrics": {k: v.item() for k, v in trainer.callback_metrics.items()},
        "step": trainer.global_step,
    }

"""The LightningModule: a bi-encoder under a switchable objective, the only train loop.

The encoder runs on one micro-batch after the other, only the embeddings are kept, and
the backward pass runs each micro-batch again (`gradient_cache`), with Lightning's
automatic optimisation left as it is.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.cli import OptimizerCallable
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from dr_lightning.distributed import gather_object, rank, world_size
from dr_lightning.models.cosines import check_cosines
from dr_lightning.models.device import warn_of_slow_bf16
from dr_lightning.models.embedding import embed
from dr_lightning.models.encoder import Encoder
from dr_lightning.models.entropies import check_entropies
from dr_lightning.models.lightning_callbacks import (
    keep_best,
    prepare_averaging,
    refuse_unfit,
)
from dr_lightning.models.micro_batch import MicroBatching
from dr_lightning.models.optimization import check_fused, count_steps, rewind
from dr_lightning.models.ragged import Ragged
from dr_lightning.models.schedule import LinearSchedule
from dr_lightning.models.tokenization import Side, Tokenization
from dr_lightning.models.training_data import ListData, TrainingBatch
from dr_lightning.objectives import Objective
from dr_lightning.objectives.block import Block

CALIBRATION_QUERIES = 256


class BiEncoder(LightningModule):
    """Trains an encoder so that its cosines rank passages as the objective asks.

    Across ranks a batch stays one batch: every rank gets the same one, encodes its
    share of the texts (dealt out by tokens), and sees all embeddings, gathered with
    gradient. A rank's loss is the sum over its queries x ranks / all queries, so the
    gradient that DDP averages is that of one process with the whole batch.

    Args:
        encoder: Backbone, pooling, prompts.
        objective: What is minimised.
        optimizer: Makes the optimizer; AdamW at 2e-4 with weight decay 0.01 as in
            arXiv 2502.19712, which is high for a small batch.
        schedule: The learning rate over the run.
        micro_batching: What goes through the encoder at once.
    """

    def __init__(
        self,
        encoder: Encoder,
        objective: Objective,
        optimizer: OptimizerCallable = lambda parameters: AdamW(
            parameters, lr=2e-4, weight_decay=0.01
        ),
        schedule: LinearSchedule | None = None,
        micro_batching: MicroBatching | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.objective = objective
        self.optimizer = optimizer
        self.schedule = schedule or LinearSchedule()
        self.micro_batching = micro_batching or MicroBatching()
        self._same_batch_everywhere = False
        self._entropies_checked = False
        self._seed = 0

    @property
    def tokenization(self) -> Tokenization:
        """Tokenizer, prompts and length limits, for data modules and callbacks."""
        return self.encoder.tokenization

    def forward(self, texts: Ragged, side: Side) -> Float[Tensor, "text dim"]:
        """Embeds texts with gradient, micro-batch by micro-batch, over all ranks.

        Args:
            texts: Token ids, the same on every rank.
            side: "query" or "passage".

        Returns:
            Embeddings of all texts, on every rank.
        """
        return embed(self.encoder, texts, side, self.micro_batching)

    def configure_callbacks(self) -> list[Callback]:
        """Adds none, but refuses those that would not do here what they promise."""
        if self.trainer.state.fn == "fit":
            refuse_unfit(self.trainer)
        return []

    def setup(self, stage: str) -> None:
        """Refuses what would train in vain or wrongly; warns of slow bf16.

        Args:
            stage: "fit", "validate", "test" or "predict".

        Raises:
            ValueError: If the strategy is neither a single device nor DDP, whose
                gradients are proven, or if the encoder gives dot products unasked.
        """
        strategy = self.trainer.strategy
        if stage == "fit" and type(strategy) not in (SingleDeviceStrategy, DDPStrategy):
            msg = (
                f"strategy {type(strategy).__name__} is not proven right for batches "
                "that span the ranks; use `auto` on one device or `ddp`."
            )
            raise ValueError(msg)
        if stage == "fit":
            check_cosines(self.encoder)
        if self.trainer.precision.startswith("bf16"):
            warn_of_slow_bf16(strategy.root_device)

    def on_fit_start(self) -> None:
        """Makes objective and averages ready for the first batch."""
        self._seed = torch.initial_seed()
        self.calibrate()
        prepare_averaging(self.trainer, self)

    def calibrate(self) -> None:
        """Checks that the lists suit the objective, and calibrates it on them once."""
        data = getattr(self.trainer, "datamodule", None)
        if isinstance(data, ListData):
            objective = self.objective
            data.require(objective.needs_teacher_scores, objective.min_list_length)
            if objective.needs_calibration:
                self._calibrate(data)

    @torch.no_grad()
    def _calibrate(self, data: ListData) -> None:
        blocks, left = [], CALIBRATION_QUERIES
        with self.trainer.precision_plugin.forward_context():
            for batch in data.sample(left, self.objective.compares_batches):
                block = Block(*self._embedded(batch.to(self.device)))
                # Of a large batch a few queries are enough, beside all its passages.
                blocks.append(block.rows(slice(left)))
                left -= len(block.query)
        with torch.autocast(self.device.type, enabled=False):
            self.objective.calibrate(blocks)

    def _embedded(
        self, batch: TrainingBatch
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None, Tensor | None]:
        return (
            self(batch.query, "query"),
            self(batch.passage, "passage"),
            batch.lists,
            batch.teacher_scores,
            batch.excluded,
        )

    def training_step(self, batch: TrainingBatch, batch_idx: int) -> Tensor:
        """The objective over a batch, and each of its parts in the log."""
        self._check_same_batch(batch)
        self._seed_dropout(batch_idx)
        return self._loss(batch, "train")

    def validation_step(
        self, batch: TrainingBatch | str, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """The objective over dev lists; a collection's name is the callback's."""
        if not isinstance(batch, str):
            if self.objective.needs_calibration:  # `validate` of what was never trained
                self.calibrate()
            self._loss(batch, "val")

    def on_validation_end(self) -> None:
        """Warns once where the temperatures do not suit the lists."""
        if not self._entropies_checked:
            logged = self.trainer.callback_metrics
            self._entropies_checked = check_entropies(logged)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Lets a resumed run repeat the batches whose gradients were not stepped."""
        rewind(checkpoint["loops"], self.trainer.accumulate_grad_batches)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Lets a resumed run remember which checkpoint was the best."""
        trainer = self._trainer  # None in `load_from_checkpoint`
        if isinstance(trainer, Trainer) and trainer.state.fn == "fit":
            keep_best(trainer, checkpoint)

    def test_step(self, batch: str, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Nothing: `RetrievalMetrics` searches the collections."""

    def predict_step(self, batch: str, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Nothing: `WriteEmbeddings` encodes the collections."""

    def _loss(self, batch: TrainingBatch, stage: str) -> Tensor:
        embedded = self._embedded(batch)
        queries = len(batch.query)
        ranks = world_size()
        rows = slice(queries * rank() // ranks, queries * (rank() + 1) // ranks)
        terms = self.objective.terms(*embedded, rows)
        loss = self.objective.total(terms)
        values = {"loss": loss, **(terms if len(terms) > 1 else {})}
        values |= self.objective.diagnostics(*embedded, rows)
        self._log_values(
            stage, {k: v.detach() * ranks for k, v in values.items()}, queries
        )
        if stage == "train":
            self.log("train/distinct_passages", float(len(batch.passage)))
        return loss * ranks

    def _log_values(self, stage: str, values: dict[str, Tensor], queries: int) -> None:
        for name, value in values.items():
            self.log(
                f"{stage}/{name}",
                value,
                prog_bar=name == "loss",
                on_step=stage == "train",
                on_epoch=stage == "val",
                batch_size=queries,
                sync_dist=world_size() > 1,
                add_dataloader_idx=False,
            )

    def _seed_dropout(self, batch_idx: int) -> None:
        """Makes dropout a function of seed and step: a resumed run repeats it."""
        key = (self._seed, self.global_step, batch_idx, rank())
        state = np.random.SeedSequence(key).generate_state(1, np.uint64)
        torch.manual_seed(int(state[0]))

    def _check_same_batch(self, batch: TrainingBatch) -> None:
        """Once a run: ranks with different batches would gather nonsense."""
        if self._same_batch_everywhere or world_size() == 1:
            return
        mine = (len(batch.query), len(batch.passage), int(batch.lists.sum()))
        if len(set(gather_object(mine))) > 1:
            msg = (
                "ranks were given different batches, but a batch spans all ranks here. "
                "Set `use_distributed_sampler: false` in the Trainer."
            )
            raise ValueError(msg)
        self._same_batch_everywhere = True

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """The optimizer and its schedule, stepped with each optimizer step."""
        optimizer = self.optimizer(self.parameters())
        check_fused(optimizer, self)
        per_epoch, total = count_steps(self)
        scheduler = LambdaLR(
            optimizer, lambda step: self.schedule.factor(step, per_epoch, total)
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

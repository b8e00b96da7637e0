"""How much text a step gets through, and the memory it takes."""

import time
from typing import Any, cast

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from dr_lightning.callbacks.peak_memory import peak_memory
from dr_lightning.models.bi_encoder import BiEncoder
from dr_lightning.models.training_data import TrainingBatch

MEMORY_KEYS = {"process": "train/memory_gib", "gpu": "train/gpu_memory_gib"}


class Speed(Callback):
    """Logs what an optimizer step gets through in a second, and the peak of memory.

    `train/queries_per_second`; `train/passages_per_second`, each distinct passage of a
    batch counted once; `train/tokens_per_second`, tokens that the encoder reads, prompt
    and special tokens too, padding not. They are those of all ranks together. A step's
    time goes from the end of the one before to its own and includes the loading of its
    batches; validations do not count.

    `train/memory_gib` is the most main memory that a process has held so far,
    `train/gpu_memory_gib` the most that torch has allocated on its GPU; each that of
    the rank with the most.

    Lightning's `ThroughputMonitor` counts one kind of sample a batch, and
    `DeviceStatsMonitor` the memory of the whole machine, not of the run.
    """

    def __init__(self) -> None:
        self._since = 0.0
        self._step = 0
        self._done = np.zeros(3)

    def on_train_epoch_start(
        self, trainer: Trainer, pl_module: LightningModule
    ) -> None:
        """Starts the clock."""
        self._restart(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock anew, without the validation."""
        self._restart(trainer)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: TrainingBatch,
        batch_idx: int,
    ) -> None:
        """Counts the batch; logs when a step is done."""
        framings = cast(BiEncoder, pl_module).tokenization.framings
        tokens = batch.query.padded_lengths(framings["query"]).sum()
        tokens += batch.passage.padded_lengths(framings["passage"]).sum()
        self._done += (len(batch.query), len(batch.passage), tokens)
        if trainer.global_step == self._step:
            return
        if pl_module.device.type == "cuda":
            torch.cuda.synchronize()
        rates = self._done / (time.perf_counter() - self._since)
        for name, rate in zip(("queries", "passages", "tokens"), rates, strict=True):
            pl_module.log(f"train/{name}_per_second", rate)
        for of, mib in peak_memory(pl_module.device).items():
            pl_module.log(MEMORY_KEYS[of], mib / 1024, sync_dist=True, reduce_fx="max")
        self._restart(trainer)

    def _restart(self, trainer: Trainer) -> None:
        self._since = time.perf_counter()
        self._step = trainer.global_step
        self._done = np.zeros(3)

"""What a run did, as JSON for the analysis and as tables for the person who waits."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from dr_lightning.analysis.run import RUN_FILE
from dr_lightning.artefacts import replacing
from dr_lightning.callbacks.peak_memory import peak_memory
from dr_lightning.callbacks.run_facts import (
    fingerprints,
    seeds,
    start_facts,
    versions,
)
from dr_lightning.callbacks.run_folder import run_folder
from dr_lightning.callbacks.run_tables import facts_table, results_table, show
from dr_lightning.data.lists_module import TrainingListDataModule
from dr_lightning.models.bi_encoder import BiEncoder


class RunSummary(Callback):
    """Tells at the start what a batch is, at the end what became better.

    Writes `run.json` into the run's folder: versions, seeds, sizes, fingerprints of the
    data, every evaluation with its step, seconds and peak memory. It is written anew at
    each evaluation, and when `ModelCheckpoint` has saved, so a run that goes on or was
    killed has one too; `fast_dev_run` writes none.
    """

    def __init__(self) -> None:
        self.evaluations: list[dict[str, Any]] = []
        self.timings: list[dict[str, Any]] = []
        self.facts: dict[str, Any] = {}
        self.fingerprints: dict[str, str] = {}
        self.seeds: dict[str, int | None] = {}
        self.started = time.monotonic()
        self.earlier_seconds = 0.0
        self._evaluation_began = 0.0
        self._folder: Path | None = None
        #: The best checkpoint that the file tells of; None = no file yet.
        self._told: tuple[str, int] | None = None

    def state_dict(self) -> dict[str, Any]:
        """Evaluations so far."""
        return {
            "evaluations": self.evaluations,
            "timings": self.timings,
            "seconds": self._seconds(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a checkpoint.

        Args:
            state_dict: What `state_dict` gave.
        """
        self.evaluations = list(state_dict["evaluations"])
        self.timings = list(state_dict.get("timings", []))  # 0.1.0 kept none
        self.earlier_seconds = float(state_dict["seconds"])

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tells batches, steps and what is cut."""
        self.started = time.monotonic()
        # Ranks ask each other for it, so not where one of them may be alone.
        self._folder = run_folder(trainer)
        data = getattr(trainer, "datamodule", None)
        if isinstance(data, TrainingListDataModule) and isinstance(
            pl_module, BiEncoder
        ):
            self.facts = start_facts(trainer, pl_module, data)
            self.fingerprints = fingerprints(data)
            self.seeds = seeds(data)
        if trainer.is_global_zero and self.facts:
            show(facts_table(self.facts))

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Notes when the evaluation began."""
        self._evaluation_began = self._seconds()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keeps the evaluation's values and writes the file."""
        if trainer.sanity_checking or trainer.state.fn != "fit":
            return
        values = {
            key: float(value)
            for key, value in trainer.callback_metrics.items()
            if key.startswith("val/")
        }
        evaluation = {"step": trainer.global_step, "epoch": trainer.current_epoch}
        self.evaluations.append({**evaluation, **values})
        now = self._seconds()
        timing = {"seconds": now, "evaluation_seconds": now - self._evaluation_began}
        self.timings.append({"step": trainer.global_step, **timing})
        self._write(trainer, "running")

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Tells what was saved after the evaluation before."""
        self._tell_saved(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The same after the last batch."""
        self._tell_saved(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The same for a `ModelCheckpoint` that saves at the end of an epoch."""
        self._tell_saved(trainer)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Notes why a run ended early."""
        self._write(trainer, f"stopped by {type(exception).__name__}")

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the file and shows the base beside the selected and last weights."""
        self._write(trainer, "finished")
        if trainer.is_global_zero and self.evaluations:
            show(results_table(self.evaluations, selected_step(trainer)))

    def _seconds(self) -> float:
        return self.earlier_seconds + time.monotonic() - self.started

    def _tell_saved(self, trainer: Trainer) -> None:
        """Writes the file anew if the best checkpoint is another than it tells.

        Lightning calls every `ModelCheckpoint` last, so what it saves at an evaluation
        is not yet known in `on_validation_end`.
        """
        if self._told is not None and best_checkpoint(trainer) != self._told:
            self._write(trainer, "running")

    def _write(self, trainer: Trainer, status: str) -> None:
        if not trainer.is_global_zero or self._folder is None:
            return
        self._told = best_checkpoint(trainer)
        record = {
            "status": status,
            "updated": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(self._seconds(), 1),
            "peak_memory_mib": peak_memory(trainer.strategy.root_device),
            "versions": versions(),
            "seeds": self.seeds,
            "fingerprints": self.fingerprints,
            "facts": self.facts,
            "selected_step": selected_step(trainer),
            "evaluations": self.evaluations,
            "timings": self.timings,
        }
        with replacing(self._folder / RUN_FILE) as file:
            file.write_text(json.dumps(record, indent=2) + "\n", "utf-8")


def best_checkpoint(trainer: Trainer) -> tuple[str, int]:
    """The file that `ModelCheckpoint` holds for best, and when it was written.

    Args:
        trainer: Its first `ModelCheckpoint` counts.

    Returns:
        Path and nanoseconds, as a name may be used again; ("", 0) if there is none.
    """
    savers = (c for c in trainer.checkpoint_callbacks if isinstance(c, ModelCheckpoint))
    path = next((saver.best_model_path for saver in savers), "")
    if not path or not Path(path).is_file():
        return "", 0
    return path, Path(path).stat().st_mtime_ns


def selected_step(trainer: Trainer) -> int | None:
    """The optimizer step of the best checkpoint.

    Args:
        trainer: Its first `ModelCheckpoint` counts.
    """
    path, _ = best_checkpoint(trainer)
    if not path:
        return None
    # Memory-mapped: only the step is read, not the weights.
    state = torch.load(path, map_location="cpu", mmap=True, weights_only=False)
    return int(state["global_step"])

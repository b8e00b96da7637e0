"""Writes the selected weights as a model folder at the end of `fit`."""

import json
import logging
from pathlib import Path
from typing import Any, cast

from lightning.pytorch import Callback, LightningModule, Trainer

from dr_lightning.analysis.run import RUN_FILE
from dr_lightning.callbacks.run_folder import run_folder
from dr_lightning.callbacks.run_summary import best_checkpoint
from dr_lightning.export import load_weights, write_model
from dr_lightning.models.bi_encoder import BiEncoder

logger = logging.getLogger(__name__)


class ExportEncoder(Callback):
    """Writes a folder that sentence-transformers and transformers load.

    Args:
        folder: Where to; null = `model` in the run's folder.
        weights: `selected` = the checkpoint that `ModelCheckpoint` holds for best,
            `last` = those at the end.
    """

    def __init__(self, folder: Path | None = None, weights: str = "selected") -> None:
        if weights not in {"selected", "last"}:
            msg = f"weights must be 'selected' or 'last', but got {weights!r}."
            raise ValueError(msg)
        self.folder = folder
        self.weights = weights

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the folder, then puts the last weights back."""
        root = run_folder(trainer)
        if not trainer.is_global_zero or root is None:
            return
        encoder = cast(BiEncoder, pl_module).encoder
        folder = self.folder or root / "model"
        best, _ = best_checkpoint(trainer)
        facts: dict[str, Any] = {"weights": "last", "step": trainer.global_step}
        last = {k: v.detach().clone() for k, v in encoder.state_dict().items()}
        if self.weights == "selected" and best:
            step = load_weights(encoder, Path(best))
            facts = {"weights": "selected", "step": step}
        if (root / RUN_FILE).is_file():
            facts["run"] = json.loads((root / RUN_FILE).read_text("utf-8"))
        write_model(encoder, folder, facts)
        encoder.load_state_dict(last)
        logger.info(
            "the %s model (step %d) lies in %s", facts["weights"], facts["step"], folder
        )

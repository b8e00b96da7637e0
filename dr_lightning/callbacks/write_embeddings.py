"""Writes embeddings of collections to memory-mapped files, one shard a rank."""

import json
import logging
from pathlib import Path
from typing import cast

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer

from dr_lightning.callbacks.run_folder import run_folder
from dr_lightning.data.retrieval import RetrievalDataModule
from dr_lightning.data.token_store import TokenStore
from dr_lightning.distributed import rank, world_size
from dr_lightning.models.bi_encoder import BiEncoder
from dr_lightning.models.encoding import encode
from dr_lightning.models.tokenization import Side

logger = logging.getLogger(__name__)


class WriteEmbeddings(Callback):
    """At `predict`, writes the embeddings of each test collection.

    `{collection}/passage-00000-of-00002.npy` are float32 rows in the order of the
    corpus, memory-mapped with `numpy.load(..., mmap_mode="r")`; shards are consecutive
    ranges, and `{collection}/passage.json` tells where each starts.

    Args:
        folder: Where to; null = `embeddings` in the run's folder.
        batch_tokens: Padded tokens that are encoded at once; null = what suits the
            device.
    """

    def __init__(
        self, folder: Path | None = None, batch_tokens: int | None = None
    ) -> None:
        self.folder = folder
        self.batch_tokens = batch_tokens

    def on_predict_epoch_end(
        self, trainer: Trainer, pl_module: LightningModule
    ) -> None:
        """Encodes this rank's share of each collection."""
        data = cast(RetrievalDataModule, trainer.datamodule)  # type: ignore[attr-defined]
        root = run_folder(trainer) or Path(trainer.default_root_dir)
        for collection in data.loaded(data.collections.test):
            folder = (self.folder or root / "embeddings") / collection.name
            folder.mkdir(parents=True, exist_ok=True)
            sides: dict[Side, TokenStore] = {
                "passage": collection.passage,
                "query": collection.query,
            }
            for side, texts in sides.items():
                self._write(trainer, cast(BiEncoder, pl_module), texts, side, folder)

    def _write(
        self,
        trainer: Trainer,
        module: BiEncoder,
        texts: TokenStore,
        side: Side,
        folder: Path,
    ) -> None:
        bounds = np.linspace(0, len(texts), world_size() + 1).astype(np.int64)
        rows = np.arange(bounds[rank()], bounds[rank() + 1])
        name = f"{side}-{rank():05d}-of-{world_size():05d}.npy"
        shape = (len(rows), module.encoder.dim)
        path = folder / name
        out = np.lib.format.open_memmap(path, "w+", np.float32, shape)  # type: ignore[no-untyped-call]
        with trainer.precision_plugin.forward_context():
            encode(module.encoder, texts, side, rows, self.batch_tokens, out)
        out.flush()
        if trainer.is_global_zero:
            record = {
                "rows": len(texts),
                "dim": shape[1],
                "shard_starts": bounds.tolist(),
            }
            text = json.dumps(record, indent=2) + "\n"
            (folder / f"{side}.json").write_text(text, "utf-8")
            logger.info("embeddings of %d %s texts: %s", len(texts), side, folder)

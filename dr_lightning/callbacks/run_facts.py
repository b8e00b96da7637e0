"""What `run.json` tells of data, sizes, seeds and versions."""

import os
import platform
from importlib.metadata import version
from typing import Any

import numpy as np
from lightning.pytorch import Trainer

import dr_lightning
from dr_lightning import artefacts
from dr_lightning.data.lists_module import TrainingListDataModule
from dr_lightning.data.token_store import TokenStore
from dr_lightning.models.bi_encoder import BiEncoder
from dr_lightning.models.ragged import Framing

_BATCHES_COUNTED = 3
_PACKAGES = ("torch", "lightning", "transformers", "polars", "torchmetrics")


def start_facts(
    trainer: Trainer, module: BiEncoder, data: TrainingListDataModule
) -> dict[str, Any]:
    """What users ask first: sizes of batch and lists, steps, what is cut by length.

    Args:
        trainer: The Trainer.
        module: The model.
        data: The training lists, after `setup`.
    """
    train = data.train
    if train is None:
        return {}
    batches = data.batching.order.epoch(train.lists, data.seed, 0)
    indices = [train.index(0, rows) for rows in batches[:_BATCHES_COUNTED]]
    slots = float(np.mean([(slot >= 0).sum() for _, slot, _ in indices]))
    distinct = float(np.mean([len(rows) for rows, _, _ in indices]))
    framings = module.tokenization.framings
    return {
        "training lists": len(train.lists),
        "queries a batch (all ranks)": len(batches[0]),
        "passages a list": int(indices[0][1].shape[1]),
        "list slots a batch": round(slots),
        "distinct passages a batch": round(distinct),
        "negatives a query, at most": round(distinct) - 1,
        "micro-batch tokens": module.micro_batching.tokens,
        "batches an epoch": data.steps_per_epoch,
        "batches an optimizer step": trainer.accumulate_grad_batches,
        "ranks": trainer.world_size,
        "precision": str(trainer.precision),
        "passages cut by length": _share_cut(train.passage, framings["passage"]),
        "queries cut by length": _share_cut(train.query, framings["query"]),
    }


def _share_cut(texts: TokenStore, framing: Framing) -> str:
    return f"{texts.share_cut(framing.max_tokens):.1%}"


def fingerprints(data: TrainingListDataModule) -> dict[str, str]:
    """Fingerprints of what was trained on and selected by.

    Args:
        data: The training lists, after `setup`.
    """
    files = {
        "corpus": data.corpus,
        "train lists": data.files.train,
        "dev lists": data.files.dev,
    }
    return {
        name: artefacts.fingerprint(file)
        for name, file in files.items()
        if file is not None
    }


def seeds(data: TrainingListDataModule) -> dict[str, int | None]:
    """The seed of everything, null where none was set, and that of the batches.

    Args:
        data: The training lists.
    """
    everything = os.environ.get("PL_GLOBAL_SEED")  # by `seed_everything`
    return {
        "seed_everything": None if everything is None else int(everything),
        "batches": data.seed,
    }


def versions() -> dict[str, str]:
    """Versions of Python, this package and the packages that shape a result.

    Example:
        >>> sorted(versions())[:2]
        ['dr_lightning', 'lightning']
    """
    own = {
        "dr_lightning": dr_lightning.__version__,
        "python": platform.python_version(),
    }
    return {name: version(name) for name in _PACKAGES} | own

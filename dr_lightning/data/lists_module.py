"""The LightningDataModule that makes batches from training lists."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_warn
from torch.utils.data import DataLoader

from dr_lightning import artefacts, schemas
from dr_lightning.data.batch import Batch
from dr_lightning.data.batch_dataset import BatchDataset
from dr_lightning.data.batches import Batches, PlainBatches
from dr_lightning.data.collections import Collections, load_corpus
from dr_lightning.data.list_sources import ListFiles, ScoredQueries
from dr_lightning.data.resume import (
    EpochOrder,
    ResumableLoader,
    finish_epoch,
    position,
)
from dr_lightning.data.retrieval import (
    Reading,
    RetrievalDataModule,
    names_loader,
    stage_of,
    tokenization_of,
)
from dr_lightning.data.token_store import TokenStore, token_store
from dr_lightning.data.training_lists import (
    ListSampling,
    training_lists,
)
from dr_lightning.models.tokenization import Tokenization

SAMPLE_BATCH = 32


@dataclass(frozen=True)
class ListBatching:
    """How lists become batches.

    Args:
        order: Which queries meet in a batch, and how many.
        sampling: Which passages of a list are taken.
        dev_size: Queries a batch of dev lists. InfoNCE's dev loss depends on it: more
            queries, more negatives.
        seed: Of the order and of list sampling; null = the run's (`seed_everything`).
    """

    order: Batches = field(default_factory=PlainBatches)
    sampling: ListSampling = field(default_factory=ListSampling)
    dev_size: int = 256
    seed: int | None = None


class TrainingListDataModule(RetrievalDataModule):
    """Training lists for `fit`, and collections for the metrics beside it.

    All ranks read the same batches: the model deals their texts out, so negatives and
    distinct passages are those of the whole batch. The Trainer must therefore not put
    a sampler of its own in (`use_distributed_sampler: false`, this CLI's default).

    Args:
        corpus: The corpus that the lists name.
        lists: Finished lists (`train`, `dev`), or `queries` and `teacher_scores`.
        batching: Batch order, list sampling, seed.
        collections: What is searched by the metrics callback.
        reading: Template, cache and workers.
    """

    def __init__(
        self,
        corpus: Path,
        lists: ListFiles | ScoredQueries,
        batching: ListBatching | None = None,
        collections: Collections | None = None,
        reading: Reading | None = None,
    ) -> None:
        super().__init__(collections, reading)
        self.corpus = corpus
        self.lists = lists
        self.batching = batching or ListBatching()
        self.files = ListFiles(Path("not read yet"))
        self.train: BatchDataset | None = None
        self.dev: BatchDataset | None = None

    @cached_property
    def seed(self) -> int:
        """Of the order and of list sampling; 0 where the run has none either."""
        own = self.batching.seed
        # Where `seed_everything` leaves its seed, for processes of other ranks too.
        return int(os.environ.get("PL_GLOBAL_SEED", "0")) if own is None else own

    @property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch, over all ranks together."""
        return self.batching.order.count(len(self._required_train().lists))

    def state_dict(self) -> dict[str, int]:
        """What a checkpoint keeps of the batches: `load_state_dict` compares it."""
        if self.train is None:  # saved because something failed before `setup`
            return {}
        return {"seed": self.seed, "batches an epoch": self.steps_per_epoch}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Refuses to go on with other batches than those of the checkpoint's run.

        Args:
            state: What `state_dict` gave to the checkpoint.

        Raises:
            ValueError: If training would go on with another seed or number of batches.
        """
        if self.trainer is None or self.trainer.state.fn != TrainerFn.FITTING:
            return  # `validate` and `test` read no such batches
        for what, here in self.state_dict().items():
            if state[what] != here:
                msg = (
                    f"the checkpoint's run has {what} {state[what]}, but this one "
                    f"{here}: it cannot go on where that one stopped. Give it the same "
                    "options and lists; or to begin anew from its weights, `export` "
                    "them and name the folder as model.encoder.backbone."
                )
                raise ValueError(msg)

    def prepare_data(self) -> None:
        """Tokenises what this run reads, on one process: the others open it."""
        super().prepare_data()
        self.setup(stage_of(self.trainer))

    def setup(self, stage: str) -> None:
        """Reads the lists, and tokenises them where `prepare_data` was not called.

        Args:
            stage: "fit", "validate", "test" or "predict".
        """
        if stage not in {"fit", "validate"} or self.train is not None:
            return
        tokenization = tokenization_of(self.trainer)
        self.files = self.lists.files(self.reading.cache)
        ids, passages = load_corpus(
            self.corpus, tokenization, self.reading.template, self.reading.cache
        )
        self.train = self._dataset(self.files.train, ids, passages, tokenization)
        if self.files.dev is not None:
            self.dev = self._dataset(self.files.dev, ids, passages, tokenization)
        self._warn_of_small_batch()

    def _dataset(
        self,
        path: Path,
        passage_id: pl.Series,
        passages: TokenStore,
        tokenization: Tokenization,
    ) -> BatchDataset:
        frame = artefacts.read(path, schemas.TRAINING_LISTS)
        if frame.is_empty():
            msg = f"{path}: has no training lists. `curate` tells why it dropped them."
            raise ValueError(msg)
        lists = training_lists(frame, passage_id, str(path))
        queries = token_store(
            frame.lazy().select("text"), tokenization, "query", self.reading.cache
        )
        return BatchDataset(
            lists,
            queries,
            passages,
            tokenization,
            self.batching.sampling,
            self.seed,
        )

    def _required_train(self) -> BatchDataset:
        if self.train is None:
            msg = "training lists are read in setup('fit'), which has not run yet."
            raise RuntimeError(msg)
        return self.train

    def _warn_of_small_batch(self) -> None:
        queries = len(self._required_train().lists)
        order = self.batching.order
        if order.limit(queries) < order.size:
            rank_zero_warn(
                f"batches of {order.size} queries are cut to {order.limit(queries)}, a "
                f"quarter of the {queries} training queries, so that an epoch has "
                "several steps."
            )

    def require(self, teacher_scores: bool, list_length: int) -> None:
        """Checks that the lists suit an objective.

        Args:
            teacher_scores: Whether it learns from teacher scores.
            list_length: Passages a list must have.

        Raises:
            ValueError: Naming the file, what it lacks and the way out.
        """
        for path, data in ((self.files.train, self.train), (self.files.dev, self.dev)):
            if data is None:
                continue
            if teacher_scores and data.lists.teacher_score is None:
                msg = (
                    f"{path}: the objective learns from teacher scores, but the lists "
                    "have none. Run `score` before `curate`, or use InfoNCE."
                )
                raise ValueError(msg)
            kept = np.minimum(data.lists.lengths, self.batching.sampling.length)
            short = np.flatnonzero(kept < list_length)
            if len(short):
                msg = (
                    f"{path}: the objective needs lists of at least {list_length} "
                    f"passages, but {len(short)} lists are shorter, that of query "
                    f"{data.lists.query_id[int(short[0])]!r} first. Drop them, raise "
                    "data.batching.sampling.length, or use InfoNCE."
                )
                raise ValueError(msg)

    def sample(self, queries: int, whole: bool = False) -> Iterator[Batch]:
        """Batches of training lists drawn with the seed, for a calibration.

        Args:
            queries: Queries in all, at most; of whole batches at least, where there
                are so many.
            whole: Whether to take the first batches of training, not small ones.
        """
        data = self._required_train()
        if whole:
            for batch in self.batching.order.epoch(data.lists, self.seed, 0):
                if queries <= 0:
                    return
                queries -= len(batch)
                yield data[0, batch]
            return
        generator = np.random.default_rng(self.seed)
        rows = generator.permutation(len(data.lists))[:queries]
        for start in range(0, len(rows), SAMPLE_BATCH):
            yield data[0, rows[start : start + SAMPLE_BATCH]]

    def train_dataloader(self) -> DataLoader[Batch]:
        """Batches in an order that a stopped run takes up again."""
        finish_epoch(self.trainer)
        data = self._required_train()
        count = self.steps_per_epoch
        order, seed = self.batching.order, self.seed
        return ResumableLoader(
            data,
            batch_size=None,
            sampler=EpochOrder(
                lambda epoch: order.epoch(data.lists, seed, epoch),
                count,
                lambda: position(self.trainer, count),
            ),
            num_workers=self.reading.workers,
            pin_memory=torch.cuda.is_available(),
        )

    def val_dataloader(self) -> list[DataLoader[Any]]:
        """The dev lists, where there are some, and the collections' names."""
        loaders: list[DataLoader[Any]] = []
        if self.dev is not None:
            rows = np.arange(len(self.dev.lists))
            cuts = range(self.batching.dev_size, len(rows), self.batching.dev_size)
            batches = [(0, part) for part in np.split(rows, list(cuts))]
            loaders.append(DataLoader(self.dev, batch_size=None, sampler=batches))
        return [*loaders, *names_loader(self.collections.validation)]

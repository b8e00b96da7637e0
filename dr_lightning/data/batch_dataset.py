"""Training lists as a data set whose items are whole batches."""

from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from dr_lightning.data.batch import Batch
from dr_lightning.data.resume import BatchRows
from dr_lightning.data.token_store import TokenStore
from dr_lightning.data.training_lists import EMPTY, ListSampling, TrainingLists
from dr_lightning.models.tokenization import Tokenization


class BatchDataset(Dataset[Batch]):
    """Training lists as batches: item (epoch, rows) is the batch of those rows.

    Args:
        lists: The lists.
        query: Token ids of their queries.
        passage: Token ids of the corpus.
        tokenization: Length limits.
        sampling: Which passages of a list are taken.
        seed: Of list sampling.
    """

    def __init__(
        self,
        lists: TrainingLists,
        query: TokenStore,
        passage: TokenStore,
        tokenization: Tokenization,
        sampling: ListSampling,
        seed: int,
    ) -> None:
        self.lists = lists
        self.query = query
        self.passage = passage
        self.sampling = sampling
        self.seed = seed
        self.limits = {
            side: framing.max_tokens for side, framing in tokenization.framings.items()
        }

    def __getitem__(self, item: BatchRows) -> Batch:
        """Builds a batch; its randomness depends on seed, epoch and its rows alone."""
        epoch, rows = item
        distinct, slots, kept = self.index(epoch, rows)
        scores = self.lists.teacher_score
        if scores is not None:
            scores = np.take_along_axis(scores[rows], kept, axis=1)
        return Batch(
            query=self.query.take(rows, self.limits["query"]),
            passage=self.passage.take(distinct, self.limits["passage"]),
            lists=torch.from_numpy(slots),
            teacher_scores=None if scores is None else torch.from_numpy(scores),
            excluded=self._excluded(rows, distinct),
        )

    def index(
        self, epoch: int, rows: np.ndarray[Any, np.dtype[np.int64]]
    ) -> tuple[Any, Any, Any]:
        """Distinct passages of a batch, the lists over them, and the slots kept.

        Args:
            epoch: Counts from 0.
            rows: Rows of the training lists.
        """
        generator = np.random.default_rng((self.seed, epoch, int(rows[0]), len(rows)))
        kept = self.sampling.slots(self.lists.passage[rows], generator)
        passage = np.take_along_axis(self.lists.passage[rows], kept, axis=1)
        distinct, inverse = np.unique(passage, return_inverse=True)
        slots = inverse.reshape(passage.shape)
        if len(distinct) and distinct[0] == EMPTY:
            distinct, slots = distinct[1:], slots - 1  # empty slots become -1 again
        return distinct, slots.astype(np.int64), kept

    def _excluded(
        self, rows: np.ndarray[Any, Any], distinct: np.ndarray[Any, Any]
    ) -> torch.Tensor | None:
        """Rows among `distinct` of further positives; those not in the batch drop."""
        excluded = self.lists.excluded[rows]
        if not excluded.size or not (excluded != EMPTY).any():
            return None
        place = np.searchsorted(distinct, excluded).clip(max=len(distinct) - 1)
        place[distinct[place] != excluded] = EMPTY
        return torch.from_numpy(place)

"""Which queries meet in a batch: plain, by source passage, by overlapping lists.

The order of an epoch's batches is a pure function of (seed, epoch), so it is the same
on every rank and after a restart.
"""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from dr_lightning.data.training_lists import EMPTY, TrainingLists

SMALL_CORPUS_SHARE = 4


class Batches(ABC):
    """Cuts the queries of an epoch into batches; each query stands in exactly one.

    Batches of an epoch differ by one query at most: what is left over for a batch of
    its own would step as far as a whole one, with few negatives. They come in a random
    order.

    Args:
        size: Queries a batch over all ranks, at most. Cut to a quarter of the training
            queries where these are few, with a warning, so that an epoch has several
            steps.

    Raises:
        ValueError: If `size` is below 1.
    """

    def __init__(self, size: int = 4096) -> None:
        if size < 1:
            msg = f"size must be at least 1, but got {size}."
            raise ValueError(msg)
        self.size = size

    def limit(self, queries: int) -> int:
        """Queries that a batch may have at most with so many in all."""
        return min(self.size, max(-(-queries // SMALL_CORPUS_SHARE), 1))

    def count(self, queries: int) -> int:
        """Batches of an epoch."""
        return -(-queries // self.limit(queries))

    def effective_size(self, queries: int) -> int:
        """Queries of an epoch's largest batch; the others have as many or one less."""
        return -(-queries // self.count(queries))

    def epoch(
        self, lists: TrainingLists, seed: int, epoch: int
    ) -> list[NDArray[np.int64]]:
        """Rows of `lists` for each batch of an epoch.

        Args:
            lists: The training lists.
            seed: The run's seed.
            epoch: Counts from 0.
        """
        generator = np.random.default_rng((seed, epoch))
        order = self.order(lists, generator)
        batches = np.array_split(order, self.count(len(lists)))
        return [batches[place] for place in generator.permutation(len(batches))]

    @abstractmethod
    def order(
        self, lists: TrainingLists, generator: np.random.Generator
    ) -> NDArray[np.int64]:
        """All rows of `lists`, those that shall meet next to each other."""


class PlainBatches(Batches):
    """Queries drawn at random, each once an epoch.

    Args:
        size: Queries a batch over all ranks, at most.
    """

    def order(
        self, lists: TrainingLists, generator: np.random.Generator
    ) -> NDArray[np.int64]:
        """A random order."""
        return generator.permutation(len(lists))


class SourceBatches(Batches):
    """Queries of one positive passage stay together; the passages come at random.

    The queries that were written for one passage have nearly the same list, so a batch
    has fewer distinct passages. In-batch negatives stay safe: the shared positive is
    masked by its id.

    Args:
        size: Queries a batch over all ranks, at most.
    """

    def order(
        self, lists: TrainingLists, generator: np.random.Generator
    ) -> NDArray[np.int64]:
        """Groups of one positive in a random order, random inside each too."""
        _, group = np.unique(lists.passage[:, 0], return_inverse=True)
        shuffled = generator.permutation(len(lists))
        rank = generator.permutation(int(group.max(initial=-1)) + 1)
        return shuffled[np.argsort(rank[group[shuffled]], kind="stable")]


class ClusterBatches(Batches):
    """Queries whose lists overlap stand in one batch.

    Each list gets a min-hash of its passages, one hash an epoch: two lists share it
    with a probability equal to their Jaccard overlap (Broder, "On the resemblance and
    containment of documents", 1997). Sorting by it, and by further ones where it ties,
    puts like lists side by side, in linear memory and without clustering; a new hash
    each epoch lets other neighbours meet. In-batch negatives become harder, as with
    topic-aware sampling (TAS-B, arXiv 2104.06967).

    Args:
        size: Queries a batch over all ranks, at most.
    """

    def order(
        self, lists: TrainingLists, generator: np.random.Generator
    ) -> NDArray[np.int64]:
        """Sorted by three min-hashes."""
        passages = int(lists.passage.max(initial=0)) + 1
        keys = []
        for _ in range(3):
            hashed = generator.permutation(passages)
            values = np.where(
                lists.passage == EMPTY, passages, hashed[lists.passage.clip(min=0)]
            )
            keys.append(values.min(1))
        order: NDArray[np.int64] = np.lexsort(keys[::-1])
        return order

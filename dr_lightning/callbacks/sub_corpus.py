"""The part of a corpus that evaluations search while training goes on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dr_lightning.data.collections import LoadedCollection


@dataclass(frozen=True)
class SubCorpus:
    """The part of a corpus that is searched while training goes on.

    All judged passages, those that the base model ranks first, and some at random: a
    fixed set, so that evaluations compare, that of the base among them. Its metrics are
    higher than those of the whole corpus.

    Args:
        top: Passages of each query that the base model ranks first.
        random: Passages drawn at random on top.
        seed: Of the draw.
        whole_at_ends: Whether the whole corpus is searched, too, before the first step
            and after the last; needed to know what the base model ranks first.

    Raises:
        ValueError: If `top` is above 0 without `whole_at_ends`.
    """

    top: int = 100
    random: int = 1000
    seed: int = 0
    whole_at_ends: bool = True

    def __post_init__(self) -> None:
        """Checks that what the base ranks first can be known."""
        if self.top and not self.whole_at_ends:
            msg = (
                f"top={self.top} needs the base model to search the whole corpus, but "
                "whole_at_ends is false. Set top to 0, or whole_at_ends to true."
            )
            raise ValueError(msg)

    def rows(self, collection: LoadedCollection, top: Tensor) -> NDArray[np.int64]:
        """Rows of the corpus, ascending.

        Args:
            collection: Its qrels and its corpus.
            top: What the base model ranks, `(queries, any)`, -1 empty.
        """
        judged = collection.passage_id.is_in(collection.qrels["passage_id"].implode())
        best = np.unique(top[:, : self.top].cpu().numpy())
        generator = np.random.default_rng(self.seed)
        size = len(collection.passage)
        drawn = generator.permutation(size)[: self.random]
        rows = np.concatenate([judged.arg_true().to_numpy(), best[best >= 0], drawn])
        return np.unique(rows).astype(np.int64)

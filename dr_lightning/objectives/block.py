"""Queries with their lists against a batch's passages, walked in chunks of rows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

# Numbers in the largest matrix of a chunk: 64 MiB in float32. A chunk holds about five
# of them at once, far below what an encoder needs, and is still large enough that
# matrix products run at full speed and a 512-query batch takes few chunks.
CHUNK_ELEMENTS = 2**24


@dataclass(frozen=True)
class Block:
    """Some queries and what is known of them, against all passages of the batch.

    Args:
        query: Embeddings of the queries.
        passage: Embeddings of the batch's distinct passages.
        lists: Rows of `passage`; column 0 the positive, -1 an empty slot.
        teacher_scores: One a slot; what stands in an empty slot is never read.
        excluded: Rows of `passage`, further known positives; -1 for none.
    """

    query: Float[Tensor, "query dim"]
    passage: Float[Tensor, "passage dim"]
    lists: Int[Tensor, "query slot"]
    teacher_scores: Float[Tensor, "query slot"] | None = None
    excluded: Int[Tensor, "query other"] | None = None

    def upcast(self) -> "Block":
        """The same with float32 embeddings and scores, or wider where they were so."""
        dtype = torch.promote_types(self.query.dtype, self.passage.dtype)
        dtype = torch.promote_types(dtype, torch.float32)
        scores = self.teacher_scores
        return Block(
            self.query.to(dtype),
            self.passage.to(dtype),
            self.lists,
            None if scores is None else scores.to(dtype),
            self.excluded,
        )

    def rows(self, rows: slice) -> "Block":
        """The same for some of the queries; the passages stay all of the batch's."""
        return Block(
            self.query[rows],
            self.passage,
            self.lists[rows],
            None if self.teacher_scores is None else self.teacher_scores[rows],
            None if self.excluded is None else self.excluded[rows],
        )

    def chunks(self, elements_per_query: int) -> Iterator["Block"]:
        """Cuts the queries so that no chunk's matrix exceeds `CHUNK_ELEMENTS`."""
        size = max(CHUNK_ELEMENTS // max(elements_per_query, 1), 1)
        for start in range(0, len(self.query), size):
            yield self.rows(slice(start, start + size))

    def sum(
        self, per_query: Callable[["Block"], Tensor], elements_per_query: int
    ) -> Float[Tensor, ""]:
        """Adds up a value of each query, one chunk at a time.

        Each chunk is recomputed in the backward pass, so that one chunk's matrices are
        alive at a time, forward and backward.

        Args:
            per_query: Maps a chunk to one number a query. It draws no random numbers.
            elements_per_query: Width of the largest matrix that it builds.
        """
        # Empty sums: a rank without queries still takes part in the backward pass,
        # whose gathers would otherwise wait for it for ever.
        total = self.query[:0].sum() + self.passage[:0].sum()
        for chunk in self.chunks(elements_per_query):
            values = checkpoint(
                per_query, chunk, use_reentrant=False, preserve_rng_state=False
            )
            total = total + values.sum()
        return total

    def list_scores(self) -> Float[Tensor, "query slot"]:
        """Dot product of each query with each passage of its list; empty slots: any."""
        # An embedding look-up gathers rows and scatters their gradients in one pass.
        listed = functional.embedding(self.lists.clamp(min=0), self.passage)
        return torch.einsum("qd,qpd->qp", self.query, listed)

    def batch_scores(self) -> Float[Tensor, "query passage"]:
        """Dot product of each query with each distinct passage of the batch."""
        return self.query @ self.passage.T

    def columns(self, rows: Int[Tensor, "query any"]) -> Int[Tensor, "query any"]:
        """Rows of `passage` as scatter targets: an empty slot goes one past the last.

        The target therefore has one column more than there are passages, and the last
        one is cut off after scattering.
        """
        return rows.where(rows >= 0, len(self.passage)).long()

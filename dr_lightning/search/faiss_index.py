"""Search with any FAISS index, named by its factory string."""

import re
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dr_lightning.search.top_k import (
    NOT_INDEXED,
    Embeddings,
    Search,
    TopK,
    as_float32,
    blocks,
    check_queries,
    merge_top_k,
)

_CPU = torch.device("cpu")
#: Passages that are added to the index at once.
ADD_BLOCK = 65_536


class FaissSearch(Search):
    """Search a FAISS index by inner product; it lives in memory, on the CPU.

    The factory string is FAISS's own, see
    https://github.com/facebookresearch/faiss/wiki/The-index-factory:
    `Flat` (exact), `HNSW32` (graph), `IVF1024,Flat` (cells), `PQ48x8` (compressed),
    `OPQ48,IVF1024,PQ48` and so on.

    Which of equal scores make the cut at k is FAISS's choice; use `ExactSearch` where
    that matters. An approximate index may find fewer than k: the rest is row -1.

    Args:
        factory: The index factory string.
        parameters: Search-time settings by FAISS's names, such as `nprobe: 16` (cells
            visited, IVF) or `efSearch: 64` (candidates kept, HNSW).
        train_passages: Passages that train the cells or codes, drawn at random.
        seed: Draws them.

    Raises:
        ValueError: On `index`, if FAISS knows no such string or parameter, or has too
            few passages to train on.

    Example:
        >>> search = FaissSearch("Flat")
        >>> search.index(torch.eye(3))
        >>> search.search(torch.tensor([[0.1, 0.9, 0.5]]), k=2).rows
        tensor([[1, 2]])
    """

    def __init__(
        self,
        factory: str = "Flat",
        parameters: dict[str, float] | None = None,
        train_passages: int = 100_000,
        seed: int = 0,
    ) -> None:
        if train_passages < 1:
            raise ValueError(f"train_passages is {train_passages}; give at least 1.")
        self.factory = factory
        self.parameters = parameters or {}
        self.train_passages = train_passages
        self.seed = seed
        self._index: Any = None

    def index(self, passages: Embeddings) -> None:
        """Build the index: train it on a sample, then add all passages in blocks."""
        index = self._empty_index(passages.shape[1])
        if not index.is_trained:
            self._train(index, passages)
        for _, block in blocks(passages, ADD_BLOCK, _CPU):
            index.add(block.numpy())
        self._index = index

    def search(self, queries: Embeddings, k: int) -> TopK:
        """Find the k best passages of each query; see `Search.search`."""
        if self._index is None:
            raise ValueError(NOT_INDEXED)
        check_queries(queries, self._index.d, k)
        home = queries.device if isinstance(queries, Tensor) else _CPU
        wanted = as_float32(queries, _CPU).contiguous().numpy()
        scores, rows = map(torch.from_numpy, self._index.search(wanted, k))
        found = TopK(scores.masked_fill(rows < 0, -torch.inf), rows)
        found = merge_top_k([found], k)  # FAISS leaves the order of ties open
        return TopK(found.scores.to(home), found.rows.to(home))

    def _empty_index(self, dimension: int) -> Any:
        # Imported here: exact search then runs without a second OpenMP runtime.
        import faiss

        metric = faiss.METRIC_INNER_PRODUCT
        try:
            index = faiss.index_factory(dimension, self.factory, metric)
        except RuntimeError as error:
            raise ValueError(
                f"FAISS cannot build index {self.factory!r} for dimension {dimension} "
                f"({_reason(error)}); use a factory string such as 'Flat', 'HNSW32', "
                "'IVF1024,Flat' or 'PQ48', where the number after PQ divides the "
                "dimension."
            ) from error
        for name, value in self.parameters.items():
            try:
                faiss.ParameterSpace().set_index_parameter(index, name, value)
            except RuntimeError as error:
                raise ValueError(
                    f"index {self.factory!r} has no search parameter {name!r}; IVF "
                    "has 'nprobe', HNSW has 'efSearch'."
                ) from error
        return index

    def _train(self, index: Any, passages: Embeddings) -> None:
        size = min(self.train_passages, len(passages))
        draw = np.random.default_rng(self.seed).choice(
            len(passages), size=size, replace=False
        )
        draw.sort()  # a memory map is read forwards
        try:
            index.train(as_float32(passages[draw], _CPU).numpy())
        except RuntimeError as error:
            raise ValueError(
                f"FAISS cannot train index {self.factory!r} on {size} passages "
                f"({_reason(error)}); use more passages (`train_passages`), fewer "
                "cells or codes, or 'Flat' or 'HNSW32', which need no training."
            ) from error


def _reason(error: RuntimeError) -> str:
    # "Error in <C++ function> at <file>.cpp:<line>: <what the user can act on>"
    return re.sub(r"^.*\.(?:cpp|h):\d+: ", "", str(error), flags=re.DOTALL)

"""Exact search: every inner product, block by block, keeping the best."""

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

#: Queries that are scored together: more gain no speed in a matrix product.
QUERY_BLOCK = 1024


class ExactSearch(Search):
    """Score every passage, in float32, in blocks that fit a bound of memory.

    Blocks of passages are read once and in order, each is scored against blocks of
    queries, and the best k so far are merged with the block's: passages may lie in a
    memory map that is larger than the memory.

    Of equal scores the lower row wins, also at the cut at k, so the result does not
    depend on the blocks. (Rounding may: products of other shapes can differ in the
    last bit.) A measure orders the ties *within* the k anew, by passage id.

    Args:
        memory_mb: Memory for one block of passages and its scores, in MiB. Where all
            scores of a block tie at the cut, sorting takes up to four times as much.
        device: Where to compute, such as `cuda`; null is where the queries are.

    Raises:
        ValueError: If `memory_mb` is under 1.

    Example:
        >>> search = ExactSearch()
        >>> search.index(torch.eye(3))
        >>> search.search(torch.tensor([[0.1, 0.9, 0.5]]), k=2).rows
        tensor([[1, 2]])
    """

    def __init__(self, memory_mb: int = 256, device: str | None = None) -> None:
        if memory_mb < 1:
            raise ValueError(f"memory_mb is {memory_mb}; give at least 1 (MiB).")
        self.memory_mb = memory_mb
        self.device = device
        self._passages: Embeddings | None = None

    def index(self, passages: Embeddings) -> None:
        """Keep a reference to the passages; nothing is copied or built."""
        self._passages = passages

    @torch.no_grad()
    def search(self, queries: Embeddings, k: int) -> TopK:
        """Find the k best passages of each query; see `Search.search`."""
        if self._passages is None:
            raise ValueError(NOT_INDEXED)
        check_queries(queries, self._passages.shape[1], k)
        home = queries.device if isinstance(queries, Tensor) else torch.device("cpu")
        device = torch.device(self.device) if self.device else home
        wanted = torch.split(as_float32(queries, device), QUERY_BLOCK)
        best = [_nothing(len(part), k, device) for part in wanted]
        size = self._passages_in_block(*queries.shape)
        # A surrounding bf16 autocast would round the scores and make ties.
        with torch.autocast(device.type, enabled=False):
            for start, block in blocks(self._passages, size, device):
                for i, part in enumerate(wanted):
                    found = _block_top_k(part @ block.T, start, k)
                    best[i] = merge_top_k([best[i], found], k)
        scores = torch.cat([part.scores for part in best])
        rows = torch.cat([part.rows for part in best])
        return TopK(scores.to(home), rows.to(home))

    def _passages_in_block(self, queries: int, dimension: int) -> int:
        bytes_each = 4 * (min(queries, QUERY_BLOCK) + dimension)
        return max(1, self.memory_mb * 2**20 // bytes_each)


def _nothing(queries: int, k: int, device: torch.device) -> TopK:
    scores = torch.full((queries, k), -torch.inf, device=device)
    return TopK(scores, torch.full((queries, k), -1, device=device))


def _block_top_k(scores: Tensor, start: int, k: int) -> TopK:
    """Take the k best columns, of equal scores the first; `start` numbers column 0."""
    width = scores.shape[1]
    values, columns = scores.topk(min(k + 1, width), dim=1)
    if k < width:
        # `topk` takes any of equal scores. One score more than asked for shows where
        # the cut runs through a tie; only those queries pay for a full sort.
        tied = values[:, k - 1] == values[:, k]
        if tied.any():
            ordered = scores[tied].argsort(dim=1, descending=True, stable=True)
            columns[tied] = ordered[:, : k + 1]
    return TopK(values[:, :k], columns[:, :k] + start)

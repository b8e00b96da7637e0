"""What every search takes and gives, and how results of several are merged."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor

NOT_INDEXED = "there is nothing to search; call `index(passages)` first."
#: One row a passage or query, of any float type: a tensor, an array or a memory map.
Embeddings: TypeAlias = Tensor | np.ndarray[Any, Any]


class TopK(NamedTuple):
    """The best passages of each query: (score descending, row ascending)."""

    #: (queries, k) inner products, float32; -inf where there was no passage.
    scores: Tensor
    #: (queries, k) row of the passage, int64; -1 where there was none.
    rows: Tensor


class Search(Protocol):
    """What finds the passages with the highest inner product with a query."""

    def index(self, passages: Embeddings) -> None:
        """Make these the passages that are searched, in place of any before.

        Args:
            passages: Embeddings, of shape (passages, dimension). They may be read
                until the next call, so they must not change.
        """
        ...

    def search(self, queries: Embeddings, k: int) -> TopK:
        """Find the k best passages of each query.

        Args:
            queries: Embeddings, of shape (queries, dimension).
            k: Passages for each query, at least 1; it may exceed the corpus.

        Returns:
            Tables of shape (queries, k) on the device of `queries`.
        """
        ...


def described(search: Search) -> dict[str, Any]:
    """What searches, as a config holds it: class path and public attributes.

    Args:
        search: One whose arguments are its public attributes.
    """
    kind = type(search)
    public = {k: v for k, v in vars(search).items() if not k.startswith("_")}
    return {
        "class_path": f"{kind.__module__}.{kind.__qualname__}",
        "init_args": {k: v if _is_json(v) else str(v) for k, v in public.items()},
    }


def _is_json(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str | list | dict)


def merge_top_k(parts: Sequence[TopK | tuple[Tensor, Tensor]], k: int) -> TopK:
    """Keep the k best of several results for the same queries.

    The parts come from disjoint passages, such as the shares of several ranks, with
    rows that mean the same passage everywhere (add a share's offset first). Equal
    scores are ordered by ascending row, so the order of the parts has no meaning.

    Args:
        parts: Scores and rows, of shape (queries, any number).
        k: Passages to keep for each query; missing ones are row -1, score -inf.

    >>> a = torch.tensor([[0.9, 0.5]]), torch.tensor([[7, 1]])
    >>> b = torch.tensor([[0.9, -torch.inf]]), torch.tensor([[3, -1]])
    >>> merge_top_k([a, b], k=2).rows
    tensor([[3, 7]])
    """
    scores = torch.cat([part[0] for part in parts], dim=1)
    rows = torch.cat([part[1] for part in parts], dim=1)
    missing = k - rows.shape[1]
    if missing > 0:
        scores = torch.nn.functional.pad(scores, (0, missing), value=-torch.inf)
        rows = torch.nn.functional.pad(rows, (0, missing), value=-1)
    # Two sorts, the minor key first and the second stable; absent rows go last.
    last = torch.iinfo(rows.dtype).max
    order = rows.masked_fill(rows < 0, last).argsort(dim=1)
    by_score = scores.gather(1, order)
    by_score, place = by_score.sort(dim=1, descending=True, stable=True)
    order = order.gather(1, place)[:, :k]
    return TopK(by_score[:, :k].contiguous(), rows.gather(1, order))


def blocks(
    embeddings: Embeddings, size: int, device: torch.device
) -> Iterator[tuple[int, Tensor]]:
    """Read consecutive rows as float32, with the row at which each block starts.

    >>> cpu = torch.device("cpu")
    >>> [(start, len(block)) for start, block in blocks(np.ones((3, 1)), 2, cpu)]
    [(0, 2), (2, 1)]
    """
    for start in range(0, len(embeddings), size):
        yield start, as_float32(embeddings[start : start + size], device)


def as_float32(embeddings: Embeddings, device: torch.device) -> Tensor:
    """Give embeddings of any float type as a float32 tensor without gradient.

    Raises:
        ValueError: If one is NaN or infinite, for its scores would have no order.
    """
    if not isinstance(embeddings, Tensor):
        # `np.array` copies: torch must not be lent the memory of a read-only map.
        embeddings = torch.from_numpy(np.array(embeddings, dtype=np.float32))
    embeddings = embeddings.detach().to(device, torch.float32)
    # The sum is finite only if all are, and needs no table of booleans.
    if not embeddings.sum().isfinite():
        raise ValueError(
            "the embeddings hold NaN or infinite values, whose scores have no order; "
            "look at the encoder or the file that they come from."
        )
    return embeddings


def check_queries(queries: Embeddings, dimension: int, k: int) -> None:
    """Refuse queries of another dimension than the passages', and k under 1."""
    if queries.ndim != 2 or queries.shape[1] != dimension:
        raise ValueError(
            f"queries have shape {tuple(queries.shape)}, the passages dimension "
            f"{dimension}; encode both with one model, one row a query."
        )
    if k < 1:
        raise ValueError(f"k is {k}; ask for at least 1 passage.")

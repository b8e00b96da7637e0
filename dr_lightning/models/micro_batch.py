"""Cuts texts into micro-batches of like length under a token budget."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class MicroBatching:
    """How a batch is cut to fit the memory; neither changes the loss.

    Args:
        tokens: Padded tokens that go through the encoder at once.
        recompute: Whether a micro-batch's activations are dropped and computed again
            in the backward pass (a third more arithmetic). Without, memory grows with
            the batch.
    """

    tokens: int = 8192
    recompute: bool = True

    def __post_init__(self) -> None:
        """Checks the tokens."""
        if self.tokens < 1:
            msg = f"tokens must be at least 1, but got {self.tokens}."
            raise ValueError(msg)


def micro_batches(
    lengths: NDArray[np.integer], max_tokens: int
) -> Iterator[NDArray[np.int64]]:
    """Yields the rows of each micro-batch, longest texts first.

    A micro-batch of n texts, padded to its longest of t tokens, costs n * t <=
    `max_tokens`; a single text above the budget forms one of its own. Texts are sorted
    by length, so there is next to no padding, and the first micro-batch is the one that
    needs the most memory: a run that does not fit fails at once.

    Args:
        lengths: Tokens of each text, shape `(texts,)`.
        max_tokens: Padded tokens a micro-batch may hold, at least 1.

    Yields:
        Row numbers into `lengths`, each row in exactly one micro-batch.

    Raises:
        ValueError: If `max_tokens` is below 1.

    Example:
        >>> [rows.tolist() for rows in micro_batches(np.array([2, 9, 3, 8]), 16)]
        [[1], [3, 2], [0]]
        >>> [rows.tolist() for rows in micro_batches(np.array([2, 9, 3, 8]), 18)]
        [[1, 3], [2, 0]]
    """
    if max_tokens < 1:
        msg = f"max_tokens must be at least 1, but got {max_tokens}."
        raise ValueError(msg)
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    start = 0
    while start < len(order):
        longest = max(int(lengths[order[start]]), 1)
        stop = start + max(max_tokens // longest, 1)
        yield order[start:stop].astype(np.int64)
        start = stop

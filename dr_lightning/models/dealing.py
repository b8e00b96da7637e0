"""Deals a batch's texts out to the ranks, so that each text is encoded on one."""

import heapq

import numpy as np
from numpy.typing import NDArray


def deal(costs: NDArray[np.int64], ranks: int) -> list[NDArray[np.int64]]:
    """Gives each rank rows of about the same summed cost.

    The longest row first, always to the rank with the least so far (ties: the lower
    rank), so every rank computes the same deal on its own.

    Args:
        costs: Tokens of each text.
        ranks: How many ranks there are, at least 1.

    Returns:
        Rows of each rank, ascending.

    Example:
        >>> [rows.tolist() for rows in deal(np.array([9, 2, 3, 5]), 2)]
        [[0], [1, 2, 3]]
    """
    if ranks == 1:
        return [np.arange(len(costs))]
    loads = [(0, rank) for rank in range(ranks)]
    owner = np.empty(len(costs), dtype=np.int64)
    for row in np.argsort(-costs, kind="stable"):
        load, rank = loads[0]
        owner[row] = rank
        heapq.heapreplace(loads, (load + int(costs[row]), rank))
    return [np.flatnonzero(owner == rank) for rank in range(ranks)]

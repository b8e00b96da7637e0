"""Batches of prompts: alike beginnings together, then alike lengths."""

from collections.abc import Hashable, Sequence
from itertools import pairwise

_FEWEST = 4
"""Prompts that are worth a group: below, batches would be too small to be fast."""


def group_rows(keys: Sequence[Hashable], batch_size: int) -> list[list[int]]:
    """Rows of one key together; those of rare keys in one last group.

    Args:
        keys: What rows begin with.
        batch_size: Rows of a batch; a group has at least a quarter of it.

    Example:
        >>> group_rows(["a", "b", "a", "a", "c", "a"], 4)
        [[0, 2, 3, 5], [1, 4]]
    """
    rows: dict[Hashable, list[int]] = {}
    for row, key in enumerate(keys):
        rows.setdefault(key, []).append(row)
    fewest = max(_FEWEST, batch_size // 4)
    groups = [group for group in rows.values() if len(group) >= fewest]
    rest = [row for group in rows.values() if len(group) < fewest for row in group]
    return [*groups, sorted(rest)] if rest else groups


def cut_batches(
    rows: Sequence[int], lengths: Sequence[int], batch_size: int
) -> list[list[int]]:
    """Rows by length, in as few batches as it takes, of even sizes.

    Args:
        rows: Of one group.
        lengths: Of every row.
        batch_size: Rows of a batch at most.

    Example:
        >>> cut_batches([0, 1, 2], [5, 9, 4], 2)
        [[2, 0], [1]]
    """
    order = sorted(rows, key=lambda row: (lengths[row], row))
    count = -(-len(order) // batch_size)
    edges = [-(-len(order) * batch // count) for batch in range(count + 1)]
    return [order[a:b] for a, b in pairwise(edges)]


def common_prefix(prompts: Sequence[Sequence[int]]) -> int:
    """Tokens that all prompts begin with; each keeps at least one of its own.

    Args:
        prompts: Token ids, none empty.

    Example:
        >>> common_prefix([[1, 2, 3], [1, 2]])
        1
    """
    ordered = sorted(map(tuple, prompts))
    first, last = ordered[0], ordered[-1]  # all others lie between them
    shortest = min(map(len, prompts)) - 1
    pairs = zip(first[:shortest], last[:shortest], strict=True)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), shortest)

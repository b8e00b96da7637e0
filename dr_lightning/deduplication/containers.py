"""Finds texts that are contained in one of their neighbours, in two orders."""

from typing import TypeAlias

import numpy as np
import polars as pl

Rows: TypeAlias = np.ndarray[tuple[int], np.dtype[np.int64]]

_START = 16
"""Characters: up to 32 bytes are searched with vector instructions."""


def find_containers(distinct: pl.DataFrame, neighbours: int) -> Rows:
    """The row that contains each row's text, or the row itself.

    Args:
        distinct: Sorted by text.
        neighbours: How many next ones are looked at.
    """
    text = distinct["text"]
    rows = np.arange(len(text))
    # Polars reverses by what a reader takes for a character, and five times slower.
    mirrored = pl.col("text").map_elements(lambda t: t[::-1], return_dtype=pl.String)
    order = distinct.select(mirrored.arg_sort()).to_series().to_numpy()
    backward = _next_containing(text.gather(order), neighbours)
    container = rows.copy()
    found = backward >= 0
    container[order[found]] = order[backward[found]]
    forward = _next_containing(text, neighbours)
    return np.where(forward >= 0, forward, container)


def _next_containing(text: pl.Series, neighbours: int) -> Rows:
    """The first of the next rows that contains the row's text, -1 where none does."""
    whole, start = pl.col("text"), pl.col("start")
    # To look for a long text is slow. Few neighbours contain as much as its start.
    hopeful = (
        text.to_frame()
        .with_columns(start=whole.str.head(_START))
        .select(
            whole.shift(-step).str.contains(start, literal=True).alias(str(step))
            for step in range(1, neighbours + 1)
        )
    )
    container = np.full(len(text), -1)
    for step in range(neighbours, 0, -1):
        rows = hopeful[str(step)].arg_true().to_numpy()
        pairs = pl.DataFrame({"text": text[rows], "next": text[rows + step]})
        holds = pairs.select(pl.col("next").str.contains(whole, literal=True))
        rows = rows[holds.to_series().to_numpy()]
        container[rows] = rows + step
    return container


def last_of_chain(container: Rows) -> Rows:
    """Follows each row's container to the one that has none but itself."""
    # A container is longer than what it contains, so there are no circles.
    target = container
    while not np.array_equal(further := target[target], target):
        target = further
    return target

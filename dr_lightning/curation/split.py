"""Cuts training lists into train and dev, so that no passage has queries on both."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def split_lists(
    lists: pl.DataFrame, dev_share: float = 0.1, seed: int = 13
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Splits lists by their known relevant passages: the positive and `excluded_id`.

    Two lists that share one go to the same side, and so do lists that hang together
    through others (a connected component; of synthetic queries: all of one source
    passage). Components are drawn at random for dev while their lists stay within
    `dev_share`; one larger than the whole share stays in train, and where all are,
    the smallest size counts as the share.

    The outcome depends on the ids and the seed, not on the order of rows.

    Args:
        lists: Schema of training lists.
        dev_share: Share of the lists for dev, above 0 and below 1; what does not fit
            stays in train.
        seed: Seed of the draw.

    Returns:
        train and dev, each in the order of `lists`; neither is empty.

    Raises:
        ValueError: If the share is out of range, or all lists hang together.

    Example:
        >>> lists = pl.DataFrame({"query_id": ["q", "r", "s"],
        ...     "passage_id": [["a", "b"], ["a", "c"], ["b", "a"]],
        ...     "excluded_id": [[], [], []]},
        ...     schema_overrides={"excluded_id": pl.List(pl.String)})
        >>> train, dev = split_lists(lists)
        >>> train["query_id"].to_list(), dev["query_id"].to_list()
        (['q', 'r'], ['s'])
    """
    if not 0 < dev_share < 1:
        msg = f"dev_share must be above 0 and below 1, but got {dev_share}."
        raise ValueError(msg)
    numbers = shared_passage_components(lists)
    _, component, sizes = np.unique(numbers, return_inverse=True, return_counts=True)
    if len(sizes) < 2:
        msg = (
            f"the {len(lists)} training lists cannot be split into train and dev: all "
            "of them hang together through shared relevant passages. Give queries for "
            "more passages."
        )
        raise ValueError(msg)
    order = np.random.default_rng(seed).permutation(len(sizes))
    share = max(dev_share * len(lists), sizes.min())
    drawn = sizes[order]
    fits = drawn <= share
    filled = np.cumsum(np.where(fits, drawn, 0))
    chosen = np.zeros(len(sizes), dtype=bool)
    chosen[order] = fits & (filled <= share)
    in_dev = pl.Series(chosen[component])
    return lists.filter(~in_dev), lists.filter(in_dev)


def shared_passage_components(lists: pl.DataFrame) -> Integers:
    """Numbers the connected components of lists that share a relevant passage.

    Args:
        lists: Columns passage_id, whose first is the positive, and excluded_id.

    Returns:
        One number a list; the same number = the same component. Numbers ascend with
        the first passage id, in sorted order, of the component.

    Example:
        >>> lists = pl.DataFrame({"passage_id": [["c"], ["a"], ["b"]],
        ...     "excluded_id": [["b"], [], []]},
        ...     schema_overrides={"excluded_id": pl.List(pl.String)})
        >>> shared_passage_components(lists).tolist()
        [1, 0, 1]
    """
    relevant = (
        lists.select(
            row=pl.int_range(pl.len()),
            passage_id=pl.concat_list(
                pl.col("passage_id").list.first(), pl.col("excluded_id")
            ),
        )
        .explode("passage_id")
        .with_columns(node=pl.col("passage_id").rank("dense").cast(pl.Int64) - 1)
    )
    edges = relevant.with_columns(first=pl.col("node").first().over("row"))
    root = _roots(edges["first"].to_numpy(), edges["node"].to_numpy())
    firsts = edges.group_by("row").agg(pl.col("first").first()).sort("row")["first"]
    components: Integers = root[firsts.to_numpy()]
    return components


def _roots(left: Integers, right: Integers) -> Integers:
    """The smallest node that each node reaches over the edges left-right.

    Both ends of every edge take the smaller of their roots and paths are then
    shortened to their end, until nothing changes.
    """
    root = np.arange(max(left.max(initial=-1), right.max(initial=-1)) + 1)
    while True:
        smaller = np.minimum(root[left], root[right])
        lower = root.copy()
        np.minimum.at(lower, root[left], smaller)
        np.minimum.at(lower, root[right], smaller)
        while (lower != lower[lower]).any():
            lower = lower[lower]
        if (lower == root).all():
            return root
        root = lower

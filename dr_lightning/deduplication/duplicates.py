"""Finds the passages that are too short, or that another passage can stand for."""

import numpy as np
import polars as pl

from dr_lightning.deduplication.containers import find_containers, last_of_chain
from dr_lightning.deduplication.normal_form import normal_form
from dr_lightning.deduplication.rules import DEFAULT_RULES, DuplicateRules

TOO_SHORT, EQUAL, CONTAINED = "too_short", "equal", "contained"
"""Why a passage is dropped."""

_COLUMNS = ("passage_id", "reason", "representative_id")


def find_duplicates(
    texts: pl.LazyFrame, rules: DuplicateRules = DEFAULT_RULES
) -> pl.DataFrame:
    """The passages that are too short or duplicates, and which ones stand for them.

    Too short ones go first, then equal ones; neighbours are those of the texts that are
    left. A text that is contained in several is put to the first in sorted order, else
    to the first in the order of the reversed texts. A text may be contained in one that
    is dropped itself: the last of such a chain, which stays, stands for all of it.

    Args:
        texts: Columns passage_id and text, in corpus order.
        rules: What counts as a duplicate.

    Returns:
        Columns passage_id, reason and representative_id (null for `too_short`), in
        corpus order.

    Example:
        >>> texts = {"a": "Bread rises.", "b": "bread rises", "c": "bread rises slowly"}
        >>> frame = pl.LazyFrame({"passage_id": list(texts), "text": texts.values()})
        >>> find_duplicates(frame).rows()
        [('a', 'equal', 'c'), ('b', 'contained', 'c')]
    """
    if rules.compare == "off":
        return pl.DataFrame(schema=dict.fromkeys(_COLUMNS, pl.String))
    frame = (
        texts.select("passage_id", normal_form(pl.col("text"), rules.normal_form))
        .with_row_index("row")
        .collect(engine="streaming")
    )
    short = pl.col("text").str.len_chars() < rules.min_characters
    distinct, holder = _distinct(frame.filter(~short))
    target = np.arange(len(distinct))
    if rules.compare == "neighbours":
        target = last_of_chain(find_containers(distinct, rules.neighbours))
    contained = target != np.arange(len(distinct))
    found = holder.with_columns(
        is_last=pl.col("row") == distinct["row"].gather(holder["distinct"]),
        contained=pl.Series(contained).gather(holder["distinct"]),
        representative_id=distinct["passage_id"].gather(target[holder["distinct"]]),
    ).filter(~pl.col("is_last") | pl.col("contained"))
    equal = pl.when("is_last").then(pl.lit(CONTAINED)).otherwise(pl.lit(EQUAL))
    dropped = pl.concat(
        [
            found.select("row", "passage_id", "representative_id", reason=equal),
            frame.filter(short).select(
                "row",
                "passage_id",
                representative_id=pl.lit(None, pl.String),
                reason=pl.lit(TOO_SHORT),
            ),
        ]
    )
    return dropped.sort("row").select(*_COLUMNS)


def _distinct(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The last row of each text, sorted by text; and each row's place among these.

    Args:
        frame: row, passage_id, text.
    """
    ordered = frame.sort("text", "row")
    last = (pl.col("text") != pl.col("text").shift(-1)).fill_null(value=True)
    place = last.shift(1, fill_value=False).cum_sum()
    return (
        ordered.filter(last),
        ordered.select("row", "passage_id", distinct=place.cast(pl.UInt32)),
    )

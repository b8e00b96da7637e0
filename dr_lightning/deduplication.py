"""Finds the passages of a corpus that another one of its passages can stand for."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

_MARKS = {"method": r"\p{Mn}", "keep_marks": r"\u0300-\u036F"}

TOO_SHORT, EQUAL, CONTAINED = "too_short", "equal", "contained"
"""Why a passage is dropped."""


@dataclass(frozen=True)
class DuplicateRules:
    """Which passages are duplicates; the defaults are arXiv 2502.19712's.

    Texts are compared in a normal form: NFKC, without accents, lower-case, without
    digits, punctuation and symbols, spaces squeezed. `method` takes every non-spacing
    mark for an accent. That is right for Latin, Greek and Cyrillic (where й becomes и),
    but in other scripts such marks are vowels and tones: most of Devanagari's and
    Thai's vowel signs go, Arabic and Hebrew points, and the voicing of kana (が
    becomes か), so different words become equal. `keep_marks` drops the accents that
    Latin, Greek and Cyrillic use (U+0300 to U+036F) and keeps all other marks.

    Args:
        compare: `off`: nothing is a duplicate. `exact`: of passages with equal normal
            forms the last in corpus order stays. `neighbours`: also drop a passage
            that is contained in one of its next neighbours in sorted order, or in one
            of the next in the order of the reversed texts.
        normal_form: `method`, or `keep_marks` for scripts other than Latin, Greek and
            Cyrillic.
        min_characters: A passage whose normal form has fewer is dropped; not with
            `off`.
        neighbours: How many of the next neighbours are looked at, in either order.

    Raises:
        ValueError: If a number is out of its range.

    Example:
        >>> DuplicateRules().neighbours
        9
    """

    compare: Literal["off", "exact", "neighbours"] = "neighbours"
    normal_form: Literal["method", "keep_marks"] = "method"
    min_characters: int = 10
    neighbours: int = 9

    def __post_init__(self) -> None:
        """Checks the numbers."""
        if self.min_characters < 0:
            msg = f"min_characters must be 0 or more, but got {self.min_characters}."
            raise ValueError(msg)
        if self.neighbours < 1:
            msg = (
                f"neighbours must be at least 1, but got {self.neighbours}. To drop "
                f"equal passages alone, set compare to exact."
            )
            raise ValueError(msg)


DEFAULT_RULES = DuplicateRules()
"""The paper's settings."""


def normal_form(
    text: pl.Expr, form: Literal["method", "keep_marks"] = "method"
) -> pl.Expr:
    """The text as it is compared; see `DuplicateRules`.

    Args:
        text: A polars expression.
        form: Which marks go.

    Example:
        >>> frame = pl.DataFrame({"text": ["Élan  vital (1907)!", "が 12"]})
        >>> frame.select(normal_form(pl.col("text"))).to_series().to_list()
        ['elan vital', 'か']
    """
    # NFKD is NFKC with its accents taken apart; NFC puts together what is left, such as
    # Hangul. All that is dropped goes in one pass, since lower-casing does not care.
    dropped = rf"[{_MARKS[form]}\p{{Nd}}\p{{P}}\p{{S}}]"
    return (
        text.str.normalize("NFKD")
        .str.to_lowercase()
        .str.replace_all(dropped, "")
        .str.replace_all(r"\s\s+|[^\S ]", " ")
        .str.strip_chars()
        .str.normalize("NFC")
    )


def find_duplicates(
    texts: pl.LazyFrame, rules: DuplicateRules = DEFAULT_RULES
) -> pl.DataFrame:
    """The passages that are too short or duplicates, and which ones stand for them.

    Too short ones go first, then equal ones; neighbours are those of the texts that are
    left. A text that is contained in several is put to the first in sorted order, else
    to the first in the order of the reversed texts. A text may be contained in one that
    is dropped itself: the last of such a chain, which stays, stands for all of it.
    Texts are reversed by what a reader takes for a character.

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
    schema = {name: pl.String for name in ("passage_id", "reason", "representative_id")}
    if rules.compare == "off":
        return pl.DataFrame(schema=schema)
    frame = (
        texts.select("passage_id", normal_form(pl.col("text"), rules.normal_form))
        .with_row_index("row")
        .collect(engine="streaming")
    )
    short = pl.col("text").str.len_chars() < rules.min_characters
    distinct, holder = _distinct(frame.filter(~short))
    target = np.arange(len(distinct), dtype=np.uint32)
    if rules.compare == "neighbours":
        target = _last_of_chain(_containers(distinct, rules.neighbours))
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
    return dropped.sort("row").select(*schema)


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


def _containers(distinct: pl.DataFrame, neighbours: int) -> pl.Series:
    """The row that contains each row's text, or the row itself.

    Args:
        distinct: Sorted by text.
        neighbours: How many next ones are looked at.
    """
    rows = distinct.lazy().select("text").with_row_index("place")
    mirrored = (
        rows.with_columns(mirror=pl.col("text").str.reverse())
        .collect(engine="streaming")
        .sort("mirror")
        .drop("mirror")
    )
    found = [
        _next_containing(frame, neighbours) for frame in (rows.collect(), mirrored)
    ]
    forward, backward = found[0], found[1].sort("place")
    return forward.select(
        pl.coalesce("container", backward["container"], "place")
    ).to_series()


def _next_containing(frame: pl.DataFrame, neighbours: int) -> pl.DataFrame:
    """The first of the next rows that contains the row's text, null where none does."""
    text, place = pl.col("text"), pl.col("place")
    containing = [
        pl.when(text.shift(-step).str.contains(text, literal=True))
        .then(place.shift(-step))
        .alias(str(step))
        for step in range(1, neighbours + 1)
    ]
    # Selected apart, so that they are computed in parallel.
    return frame.select("place", *containing).select(
        "place", container=pl.coalesce(pl.exclude("place"))
    )


def _last_of_chain(container: pl.Series) -> np.ndarray:
    """Follows each row's container to the one that has none but itself."""
    # A container is longer than what it contains, so there are no circles.
    target = container.to_numpy()
    while not np.array_equal(further := target[target], target):
        target = further
    return target

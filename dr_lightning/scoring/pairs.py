"""Scores candidate lists; each distinct text and pair goes to the teacher once."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dr_lightning.models.teachers import Teacher


def score_lists(
    teacher: Teacher, lists: pl.DataFrame, passages: pl.DataFrame
) -> tuple[pl.DataFrame, int]:
    """Scores lists and orders each by descending score, ties as they were.

    Args:
        teacher: Gives the scores.
        lists: query_id, text, passage_id (a list, not empty).
        passages: passage_id, passage; at least those of `lists`.

    Returns:
        query_id, passage_id, teacher_score (lists), and the number of distinct pairs.

    Raises:
        ValueError: If a score is not a finite number.
    """
    flat = lists.explode("passage_id")
    wanted = flat["passage_id"].unique().implode()
    some = passages.filter(pl.col("passage_id").is_in(wanted))
    text = dict(some.select("passage_id", "passage").iter_rows())
    query_texts, query_rows = distinct(flat["text"].to_list())
    passage_texts, passage_rows = distinct([text[key] for key in flat["passage_id"]])
    rows = np.stack([query_rows, passage_rows], axis=1)
    pairs, places = np.unique(rows, axis=0, return_inverse=True)
    scores = teacher.score(query_texts, passage_texts, pairs)[places]
    _check_finite(flat, scores)
    ranked = (
        flat.with_columns(teacher_score=pl.Series(scores, dtype=pl.Float32))
        .group_by("query_id", maintain_order=True)
        .agg(
            pl.col("passage_id", "teacher_score").sort_by(
                "teacher_score", descending=True, maintain_order=True
            )
        )
    )
    return ranked, len(pairs)


def distinct(values: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Distinct values in order of first use, and the row of each value among them.

    Args:
        values: Any strings.

    Example:
        >>> distinct(["b", "a", "b"])
        (['b', 'a'], array([0, 1, 0]))
    """
    rows: dict[str, int] = {}
    places = [rows.setdefault(value, len(rows)) for value in values]
    return list(rows), np.array(places, dtype=np.int64)


def _check_finite(flat: pl.DataFrame, scores: NDArray[np.float32]) -> None:
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        row = flat.row(int(bad[0]), named=True)
        msg = (
            f"the teacher gave {scores[bad[0]]} for query {row['query_id']!r} and "
            f"passage {row['passage_id']!r}, {len(bad)} times in this part; a score is "
            "a finite number. Try `precision: '32'`."
        )
        raise ValueError(msg)

"""Scores candidate lists; each distinct text and pair goes to the teacher once."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dr_lightning.models.teachers import Teacher
from dr_lightning.scoring.reuse import lookup
from dr_lightning.scoring.rounds import NEVER, beaten, with_rounds

CHUNK = 256
"""Pairs that the teacher gets at once, so that progress shows within a part."""


class Scored(NamedTuple):
    """Scored lists and what they took.

    Attributes:
        lists: query_id, passage_id, teacher_score (lists, descending, ties as they
            were); of a query that was given up, what was scored of it.
        amounts: pairs (scored by the teacher), reused (known before), not_needed
            (not scored, as the query makes no list), and seconds.
    """

    lists: pl.DataFrame
    amounts: dict[str, float]


def score_lists(
    teacher: Teacher,
    lists: pl.DataFrame,
    passages: pl.DataFrame,
    fail_fast: bool = False,
    known: pl.DataFrame | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> Scored:
    """Scores lists and orders each by descending score.

    Args:
        teacher: Gives the scores.
        lists: query_id, text, source_passage_id, passage_id (a list, not empty).
        passages: passage_id, passage; at least those of `lists`.
        fail_fast: Whether to give a query up once its source passage is beaten.
        known: Scores that need not be given again: query_id, passage_id (a list),
            teacher_score (a list).
        advance: Told how many pairs are scored, several times.

    Raises:
        ValueError: If a score is not a finite number.
    """
    start = time.perf_counter()
    pairs = with_rounds(lists.explode("passage_id"), fail_fast).with_row_index("row")
    sheet = _Sheet(teacher, pairs, passages, known)
    asked = pairs.clear()
    for number in sorted(set(pairs["round"]) - {NEVER}):
        lost = beaten(sheet.scores(asked)) if number else pairs.clear()
        mine = pairs.filter(pl.col("round") == number)
        mine = mine.join(lost, on="query_id", how="anti", maintain_order="left")
        sheet.fill(mine, advance)
        asked = pl.concat([asked, mine])
    amounts = {
        "pairs": int(sheet.given.sum()),
        "reused": sheet.reused(asked),
        "not_needed": len(pairs) - len(asked),
        "seconds": time.perf_counter() - start,
    }
    return Scored(_ranked(sheet.scores(asked)), amounts)


class _Sheet:
    """Scores of the distinct pairs of texts, filled in bit by bit."""

    def __init__(
        self,
        teacher: Teacher,
        pairs: pl.DataFrame,
        passages: pl.DataFrame,
        known: pl.DataFrame | None,
    ) -> None:
        self.teacher, self.pairs = teacher, pairs
        wanted = pairs["passage_id"].unique().implode()
        some = passages.filter(pl.col("passage_id").is_in(wanted))
        text = dict(some.select("passage_id", "passage").iter_rows())
        self.queries, query_rows = distinct(pairs["text"].to_list())
        self.passages, passage_rows = distinct([text[i] for i in pairs["passage_id"]])
        rows = np.stack([query_rows, passage_rows], axis=1)
        self.distinct, self.places = np.unique(rows, axis=0, return_inverse=True)
        self.values = np.zeros(len(self.distinct), dtype=np.float32)
        self.given = np.zeros(len(self.distinct), dtype=bool)
        self.known = np.zeros(len(self.distinct), dtype=bool)
        if known is not None:
            found = lookup(known, pairs)
            there = self.places[found.is_not_null().to_numpy()]
            self.values[there] = found.drop_nulls().to_numpy()
            self.known[there] = True

    def fill(self, pairs: pl.DataFrame, advance: Callable[[int], None]) -> None:
        """Has the teacher score what is neither known nor scored yet."""
        needed = np.unique(self.places[pairs["row"].to_numpy()])
        todo = needed[~(self.given | self.known)[needed]]
        for chunk in self._chunks(todo):
            scores = self.teacher.score(*self._texts(chunk))
            self._check_finite(chunk, scores)
            self.values[chunk] = scores
            self.given[chunk] = True
            advance(len(chunk))

    def scores(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """Adds teacher_score, as it will be written."""
        values = self.values[self.places[pairs["row"].to_numpy()]]
        return pairs.with_columns(teacher_score=pl.Series(values, dtype=pl.Float32))

    def reused(self, pairs: pl.DataFrame) -> int:
        """How many distinct pairs among these were known before."""
        used = np.unique(self.places[pairs["row"].to_numpy()])
        return int(self.known[used].sum())

    def _chunks(self, pairs: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Pairs of like length together, the longest first."""
        query = np.array([len(text) for text in self.queries])
        passage = np.array([len(text) for text in self.passages])
        rows = self.distinct[pairs]
        lengths = query[rows[:, 0]] + passage[rows[:, 1]]
        order = pairs[np.argsort(-lengths, kind="stable")]
        return [order[start : start + CHUNK] for start in range(0, len(order), CHUNK)]

    def _texts(
        self, chunk: NDArray[np.int64]
    ) -> tuple[list[str], list[str], NDArray[np.int64]]:
        """What `Teacher.score` takes: only the texts of these pairs."""
        query, query_rows = np.unique(self.distinct[chunk, 0], return_inverse=True)
        passage, passage_rows = np.unique(self.distinct[chunk, 1], return_inverse=True)
        return (
            [self.queries[row] for row in query],
            [self.passages[row] for row in passage],
            np.stack([query_rows, passage_rows], axis=1),
        )

    def _check_finite(
        self, chunk: NDArray[np.int64], scores: NDArray[np.floating]
    ) -> None:
        bad = np.flatnonzero(~np.isfinite(scores))
        if len(bad):
            place = np.flatnonzero(self.places == chunk[bad[0]])[0]
            row = self.pairs.row(int(place), named=True)
            msg = (
                f"the teacher gave {scores[bad[0]]} for query {row['query_id']!r} and "
                f"passage {row['passage_id']!r}, {len(bad)} times among {len(chunk)} "
                "pairs; a score is a finite number. Try `precision: '32'`."
            )
            raise ValueError(msg)


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


def _ranked(scored: pl.DataFrame) -> pl.DataFrame:
    return (
        scored.sort("row")
        .group_by("query_id", maintain_order=True)
        .agg(
            pl.col("passage_id", "teacher_score").sort_by(
                "teacher_score", descending=True, maintain_order=True
            )
        )
    )

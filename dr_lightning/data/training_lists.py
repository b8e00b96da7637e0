"""Training lists in memory: rows of the corpus instead of ids, padded to one width."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

EMPTY = -1


@dataclass(frozen=True)
class TrainingLists:
    """Lists of n queries, up to `width` passages each.

    Args:
        query_id: Ids, `(n,)`.
        passage: Rows of the corpus, `(n, width)`; column 0 the positive, -1 empty.
        teacher_score: In [0, 1], `(n, width)`, 0 in empty slots; None without teacher.
        excluded: Rows of further known positives, `(n, most)`, -1 empty.
        query_type: Kind of each query, `(n,)`.
    """

    query_id: pl.Series
    passage: NDArray[np.int64]
    teacher_score: NDArray[np.float32] | None
    excluded: NDArray[np.int64]
    query_type: pl.Series

    def __len__(self) -> int:
        """Number of queries."""
        return len(self.passage)

    @property
    def width(self) -> int:
        """Passages of the longest list."""
        return int(self.passage.shape[1])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Passages of each list."""
        filled = np.count_nonzero(self.passage != EMPTY, axis=1)
        return np.asarray(filled, dtype=np.int64)


def training_lists(
    frame: pl.DataFrame, passage_id: pl.Series, where: str
) -> TrainingLists:
    """Replaces ids by rows of the corpus.

    Args:
        frame: Rows of the `training_lists` schema, checked.
        passage_id: The corpus's ids in its order.
        where: The file, for messages.

    Raises:
        ValueError: If a list names a passage that the corpus lacks, or some lists have
            teacher scores and others none.
    """
    width = int(frame["passage_id"].list.len().max() or 0)  # type: ignore[arg-type]
    return TrainingLists(
        query_id=frame["query_id"],
        passage=_rows(frame, "passage_id", passage_id, where),
        teacher_score=_teacher_scores(frame, width, where),
        excluded=_rows(frame, "excluded_id", passage_id, where),
        query_type=frame["query_type"],
    )


def _rows(
    frame: pl.DataFrame, column: str, passage_id: pl.Series, where: str
) -> NDArray[np.int64]:
    corpus = pl.DataFrame({column: passage_id}).with_row_index("row")
    flat = (
        frame.lazy()
        .select("query_id", pl.int_range(pl.len()).alias("list"), column)
        .with_columns(pl.int_ranges(pl.col(column).list.len()).alias("slot"))
        .explode(column, "slot", empty_as_null=False)
        .join(corpus.lazy(), on=column, how="left", maintain_order="left")
        .collect()
    )
    unknown = flat.filter(pl.col("row").is_null())
    if len(unknown):
        first = unknown.row(0, named=True)
        msg = (
            f"{where}: column {column!r} names {len(unknown)} passages that the corpus "
            f"lacks, {first[column]!r} of query {first['query_id']!r} first. Give the "
            "corpus that the lists were made from."
        )
        raise ValueError(msg)
    width = int(flat["slot"].max() or 0) + 1 if len(flat) else 0  # type: ignore[arg-type]
    rows = np.full((len(frame), width), EMPTY, dtype=np.int64)
    rows[flat["list"].to_numpy(), flat["slot"].to_numpy()] = flat["row"].to_numpy()
    return rows


def _teacher_scores(
    frame: pl.DataFrame, width: int, where: str
) -> NDArray[np.float32] | None:
    missing = int(frame["teacher_score"].is_null().sum())
    if missing == len(frame):
        return None
    if missing:
        msg = (
            f"{where}: {missing} of {len(frame)} lists have no teacher scores. Score "
            "all of them with `score` and `curate`, or none."
        )
        raise ValueError(msg)
    lengths = frame["teacher_score"].list.len().to_numpy()
    scores = np.zeros((len(frame), width), dtype=np.float32)
    flat = frame["teacher_score"].explode(empty_as_null=False).to_numpy()
    scores[np.arange(width)[None, :] < lengths[:, None]] = flat
    return scores


@dataclass(frozen=True)
class ListSampling:
    """Which passages of a list a batch takes.

    Args:
        length: Passages a list, the positive among them.
        method: `top` takes the positive and the next by teacher score; `random` the
            positive and others drawn anew each epoch.
    """

    length: int = 20
    method: Literal["top", "random"] = "top"

    def __post_init__(self) -> None:
        """Checks the length."""
        if self.length < 1:
            msg = f"length must be at least 1, but got {self.length}."
            raise ValueError(msg)

    def slots(
        self, passage: NDArray[np.int64], generator: np.random.Generator
    ) -> NDArray[np.int64]:
        """Columns that each list keeps, in the order of the list.

        Args:
            passage: Rows of some lists, `(n, width)`, -1 empty.
            generator: Source of randomness for `random`.

        Returns:
            Columns of `passage`, `(n, min(length, width))`.
        """
        count, width = passage.shape
        kept = min(self.length, width)
        if self.method == "top" or kept == width:
            return np.broadcast_to(np.arange(kept), (count, kept))
        key = generator.random((count, width))
        key[:, 0] = -1  # the positive always comes first
        key[passage == EMPTY] = 2  # empty slots only where nothing else is left
        return np.sort(np.argsort(key, axis=1, kind="stable")[:, :kept], axis=1)

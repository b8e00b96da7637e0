"""Settings of hard negatives: which ranks, which scores, how many."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class HardNegatives:
    """Settings as `mine_hard_negatives` of sentence-transformers has them.

    They apply in this order, to the candidates that are no known positive and no
    duplicate of one: `range_max` closest, margins, scores, `range_min`, `per_query`.

    The positive's score is that of the source passage; of a human query, that of its
    best-scored relevant passage (sentence-transformers takes the worst-scored). A query
    whose positive is not among the candidates has no margin.

    `curate` asks for 20 candidates a query: lower its `rules.min_candidates` where
    `per_query` leaves fewer.

    Args:
        range_min: How many of the closest negatives, after all but `per_query`, are
            skipped: they may be positives that nobody judged.
        range_max: How many of the closest candidates are looked at; null = all.
        max_score: Highest score of a negative; null = any.
        min_score: Lowest score of a negative; null = any.
        absolute_margin: How far a negative's score is at least below the positive's;
            null = any.
        relative_margin: The same as a share of the positive's score, by magnitude; 0.05
            is advised by arXiv 2407.15831; null = any.
        per_query: Negatives kept of each query; null = all.
        sampling: Keep the closest (`top`) or draw (`random`).
        seed: Draws; a query's draw depends on it and on the query's id alone.

    Raises:
        ValueError: If a setting is out of its range, or the range leaves no room for
            `per_query`.
    """

    range_min: int = 0
    range_max: int | None = None
    max_score: float | None = None
    min_score: float | None = None
    absolute_margin: float | None = None
    relative_margin: float | None = None
    per_query: int | None = None
    sampling: Literal["top", "random"] = "top"
    seed: int = 13

    def __post_init__(self) -> None:
        """Checks the settings."""
        if self.range_min < 0 or self.seed < 0:
            self._refuse("range_min and seed must be at least 0")
        if self.per_query is not None and self.per_query < 1:
            self._refuse("per_query must be at least 1, or null for all")
        room = self.range_min + (self.per_query or 1)
        if self.range_max is not None and self.range_max < room:
            self._refuse(
                "range_max must leave room for per_query negatives after range_min"
            )
        if self.sampling == "random" and self.per_query is None:
            self._refuse("sampling random needs per_query, how many to draw")

    def _refuse(self, fault: str) -> None:
        msg = (
            f"negatives: {fault}, but got range_min {self.range_min}, range_max "
            f"{self.range_max}, per_query {self.per_query}, seed {self.seed}."
        )
        raise ValueError(msg)

    @property
    def on_scores(self) -> list[str]:
        """The settings in use that look at scores."""
        names = ("absolute_margin", "relative_margin", "max_score", "min_score")
        return [name for name in names if getattr(self, name) is not None]

"""The settings of curation: which queries become lists, and how scores are scaled."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ListRules:
    """Which queries become training lists, and how their scores are scaled.

    The defaults are the paper's (https://arxiv.org/abs/2502.19712).

    Args:
        list_length: Passages in a list, the positive among them.
        min_candidates: A query with fewer candidates is dropped.
        depth: Candidates of a query that are looked at, from the best; null = all.
            Scores are only comparable at equal depth. A positive below it is kept.
        percentiles: Three ascending percentiles, 0 to 100: the score that becomes 0,
            the floor for a query's best score, and the score that becomes 1.
        drop_beaten_source: Drop a synthetic query for which the teacher scores
            another candidate strictly higher than the source passage.
        drop_low_best: Drop a synthetic query whose best score is under the floor.
        min_relevance: Lowest relevance in the qrels that counts as relevant.

    Raises:
        ValueError: If a number is out of its range.

    Example:
        >>> ListRules(list_length=10).percentiles
        (1, 25, 99)
    """

    list_length: int = 20
    min_candidates: int = 20
    depth: int | None = None
    percentiles: tuple[float, float, float] = (1, 25, 99)
    drop_beaten_source: bool = True
    drop_low_best: bool = True
    min_relevance: int = 1

    def __post_init__(self) -> None:
        _check_least("list_length", self.list_length, 2)
        _check_least("min_candidates", self.min_candidates, 1)
        if self.depth is not None:
            _check_least("depth", self.depth, self.min_candidates)
        low, floor, high = self.percentiles
        if not (0 <= low <= floor <= high <= 100 and low < high):
            msg = (
                "percentiles must be three ascending numbers from 0 to 100, the first "
                f"below the last, but got {self.percentiles}. The default is 1, 25, 99."
            )
            raise ValueError(msg)


def _check_least(name: str, value: int, least: int) -> None:
    if value < least:
        hint = " (min_candidates)" if name == "depth" else ""
        msg = f"{name} must be at least {least}{hint}, but got {value}."
        raise ValueError(msg)


DEFAULT_RULES = ListRules()
"""The paper's settings."""

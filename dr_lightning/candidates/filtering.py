"""From what was retrieved to the candidates: the filters, and what each removed."""

from typing import NamedTuple

import polars as pl

from dr_lightning.candidates.consistency import consistent
from dr_lightning.candidates.hard_negatives import HardNegatives
from dr_lightning.candidates.mining import Chosen, choose_negatives
from dr_lightning.candidates.positives import Positives


class Filtered(NamedTuple):
    """A run after the filters.

    Attributes:
        run: Schema of runs.
        dropped: Reason and count of queries, and of candidates ("negatives: ...").
        noted: Counts that are no drops.
    """

    run: pl.DataFrame
    dropped: dict[str, int]
    noted: dict[str, int]


def filter_run(
    run: pl.DataFrame,
    queries: pl.DataFrame,
    source_depth: int | None,
    positives: Positives | None,
    negatives: HardNegatives | None,
) -> Filtered:
    """Applies the consistency filter, then chooses negatives; both are options.

    Args:
        run: Schema of runs, of all retrievers together.
        queries: Schema of queries.
        source_depth: How deep a source passage may stand; null = no filter.
        positives: What is known to be relevant; null = no choice of negatives.
        negatives: Which negatives are wanted; null = all.
    """
    kept = run if source_depth is None else consistent(run, queries, source_depth)
    dropped = {
        "no passage found": len(queries) - len(run),
        "source passage not among the best": len(run) - len(kept),
    }
    if negatives is None or positives is None:
        return Filtered(kept, _counted(dropped), {})
    chosen = choose_negatives(kept, positives, negatives)
    dropped["no candidate left"] = len(kept) - len(chosen.run)
    dropped |= {f"negatives: {why}": count for why, count in chosen.removed.items()}
    return Filtered(chosen.run, _counted(dropped), _noted(chosen, negatives))


def _counted(dropped: dict[str, int]) -> dict[str, int]:
    return {reason: count for reason, count in dropped.items() if count}


def _noted(chosen: Chosen, negatives: HardNegatives) -> dict[str, int]:
    noted = {}
    if negatives.absolute_margin is not None or negatives.relative_margin is not None:
        noted["queries without margin, positive not retrieved"] = chosen.without_margin
    if negatives.per_query is not None:
        noted["queries with fewer negatives than per_query"] = chosen.short
    return noted

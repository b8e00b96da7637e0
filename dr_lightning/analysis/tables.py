"""The tables of `compare` and `report`."""

from collections.abc import Sequence

from dr_lightning.analysis.comparison import Row
from dr_lightning.analysis.scores import Scores
from dr_lightning.analysis.significance import Difference
from dr_lightning.analysis.table import Table

HOW_TO_READ = (
    "Difference: from the base, query by query, with the 95% bootstrap interval over "
    "queries. Detectable: the smallest true difference that a two-sided test at 5% "
    "finds in 80 of 100 cases, 2.80 standard errors. Queries that gained, stayed the "
    "same and lost. Seeds: runs that are averaged; ± their standard deviation."
)


def effectiveness(scores: Scores, rows: Sequence[Row], collection: str) -> Table:
    """Base, runs and teacher on a collection.

    Args:
        scores: What `scores` gave.
        rows: What `compare` gave.
        collection: The collection, or `POOLED`.
    """
    own = [row for row in rows if row.collection == collection]
    queries = max(row.queries for row in own)
    seeds = any(row.seeds > 1 for row in own)
    return Table(
        title=f"{collection}: {queries:,} judged queries",
        columns=[
            "system",
            *(["seeds"] if seeds else []),
            *scores.measures,
            f"difference in {scores.measure} (95%)",
            "detectable",
            "gained / same / lost",
        ],
        rows=[_cells(row, scores, seeds) for row in own],
    )


def _cells(row: Row, scores: Scores, seeds: bool) -> list[str]:
    spread = "" if row.spread is None else f" ± {row.spread:.4f}"
    means = [row.means[measure] for measure in scores.measures]
    told = ["" if mean is None else f"{mean:.4f}" for mean in means]
    found = row.difference
    return [
        row.name,
        *([str(row.seeds or "")] if seeds else []),
        told[0] + spread,
        *told[1:],
        interval(found),
        "" if found is None else f"{found.detectable:.4f}",
        changes(found),
    ]


def interval(found: Difference | None) -> str:
    """A difference with its interval; empty without one.

    Example:
        >>> interval(Difference(0.0214, -0.01, 0.05, 0.04, 3, 2, 1))
        '+0.0214 (-0.0100 to +0.0500)'
    """
    if found is None:
        return ""
    return f"{found.mean:+.4f} ({found.low:+.4f} to {found.high:+.4f})"


def changes(found: Difference | None) -> str:
    """Queries that gained, stayed the same and lost; empty without a difference.

    Example:
        >>> changes(Difference(0.0214, -0.01, 0.05, 0.04, 3, 2, 1))
        '3 / 2 / 1'
    """
    return "" if found is None else f"{found.gained} / {found.same} / {found.lost}"

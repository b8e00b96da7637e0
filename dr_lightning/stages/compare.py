"""`compare`: runs and evaluations side by side, in a terminal."""

import sys
from pathlib import Path

from rich.console import Console

from dr_lightning.analysis import comparison, tables
from dr_lightning.analysis.family import assess
from dr_lightning.analysis.results import load
from dr_lightning.analysis.scores import scores


def compare(
    paths: list[Path],
    measures: list[str] | None = None,
    family: list[str] | None = None,
) -> None:
    """Show runs side by side: base, selected and last checkpoint, teacher.

    Args:
        paths: Folders that `fit`, `evaluate --out` or `specialize` wrote, or folders
            of such, one or more.
        measures: Columns, the first to compare by; null = all that were measured.
        family: Claims to test together, as `kl > base`, `kl > base on scifact`, or with
            a margin `synthetic > human - 0.02`; best written down before the runs. p
            values are shown for these alone.
    """
    results = load(paths)
    found = scores(results, measures)
    claims = assess(found, family or [])
    rows = comparison.compare(found)
    console = Console(file=sys.stdout)
    for collection in dict.fromkeys(row.collection for row in rows):
        table = tables.effectiveness(found, rows, collection)
        console.print(table.rich(console.width), "")
    if claims:
        console.print(tables.family(claims, found.measure).rich(console.width), "")
    reading = tables.reading(found, has_claims=bool(claims))
    for note in (*results.notes, *found.notes, *reading):
        console.print(note, markup=False, highlight=False)

"""What a run tells the person who waits: a table at its start, one at its end."""

from typing import Any

from rich.console import Console
from rich.table import Table


def facts_table(facts: dict[str, Any]) -> Table:
    """What a batch is and how long the run may be.

    Args:
        facts: By what is told.
    """
    table = Table(title="run", title_justify="left", show_header=False)
    for name, value in facts.items():
        table.add_row(name, f"{value:,}" if isinstance(value, int) else str(value))
    return table


def results_table(evaluations: list[dict[str, Any]], selected: int | None) -> Table:
    """The values of the base beside those of the last and the selected weights.

    Args:
        evaluations: Each with its step; the first is the base's.
        selected: The step of the selected weights, if it is known.
    """
    chosen = {"base": evaluations[0], "last": evaluations[-1]}
    best = [one for one in evaluations if one["step"] == selected]
    if best:
        chosen["selected"] = best[0]
    table = Table(title="validation", title_justify="left")
    table.add_column("measure")
    for name, one in chosen.items():
        table.add_column(f"{name} (step {one['step']})", justify="right")
    for key in evaluations[0]:
        if key.startswith("val/"):
            row = [one.get(key) for one in chosen.values()]
            table.add_row(key, *("" if v is None else f"{v:.4f}" for v in row))
    return table


def show(table: Table) -> None:
    """Prints a table.

    Args:
        table: Any.
    """
    Console().print(table)

"""What `specialize --plan` tells: the steps, their state, and what they would cost."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import yaml
from rich.console import Console
from rich.table import Table

from dr_lightning.specialization.options import Settings
from dr_lightning.specialization.probe import PASSAGES, Rates, WriterRates, probe
from dr_lightning.specialization.steps import build, layout_of, names
from dr_lightning.specialization.teachers import step_of
from dr_lightning.specialization.writers import writers
from dr_lightning.steps import records
from dr_lightning.steps.step import Step

TRAINING = 4
"""Costs of a passage in training, in encodings: forward, again, and backward twice."""
LIST_LENGTH = 20
"""Passages of a list where the config of `fit` names no number: its default."""


class Cost(NamedTuple):
    """What a step takes.

    Attributes:
        work: Counts, in words.
        seconds: On this machine.
    """

    work: str
    seconds: float


def show_plan(settings: Settings) -> None:
    """Prints the plan; nothing is written but to a temporary folder.

    Args:
        settings: What `options.read` gave.
    """
    console = Console(file=sys.stdout)
    console.print(
        f"Runs the costly steps on {PASSAGES} passages in a temporary folder, to see "
        "what they take on this machine; a few minutes ..."
    )
    with TemporaryDirectory(prefix="dr_lightning-plan-") as folder, _quiet():
        rates = probe(settings, Path(folder))
    costs = estimate(settings, rates)
    table = Table(title="plan", title_justify="left")
    table.add_column("step")
    table.add_column("state", overflow="fold")
    table.add_column("work", overflow="fold")
    table.add_column("time", justify="right")
    left = 0.0
    for name in names(settings):
        state = _state(name, settings)
        cost = costs.get(name, Cost("", 0.0))
        seconds = 0.0 if state == "finished" else cost.seconds
        left += seconds
        table.add_row(name, state, cost.work, _time(seconds) if seconds else "")
    console.print(table)
    console.print(
        f"About {_time(left)} in all, at most: queries and pairs are counted before "
        "anything is dropped, and every epoch is counted. Start-up and steps without a "
        "time, which take seconds, are not counted. Nothing was written."
    )


def estimate(settings: Settings, rates: Rates) -> dict[str, Cost]:
    """Upper bounds of what the steps take.

    Args:
        settings: What `options.read` gave.
        rates: What the probe measured.
    """
    budget, test = settings["budget"], settings["test"]
    asked = {
        name: min(
            own["queries"], rates.unique * rates.writers[name].types * own["per_type"]
        )
        for name, own in writers(settings).items()
    }
    queries = sum(asked.values())
    pairs = queries * min(budget["candidates"], rates.passages)
    alone = settings["score"]["fail_fast"] and len(rates.pair_seconds) == 1
    spared = ", less what fail-fast saves" if alone else ""
    shown = budget["epochs"] * queries * _list_length(settings)
    encode = rates.passages * rates.encode_seconds
    judged = rates.test_queries * (test or {}).get("teacher_depth", 0)
    return {
        "ingest": Cost(f"{rates.passages:,} passages", 0.0),
        "deduplicate": Cost(f"{rates.unique:,} passages left to write for", 0.0),
        **{name: _writing(n, rates.writers[name]) for name, n in asked.items()},
        "retrieve": Cost(f"{rates.passages:,} passages to encode", encode),
        **{
            step_of("score", teacher): Cost(f"{pairs:,} pairs{spared}", pairs * seconds)
            for teacher, seconds in rates.pair_seconds.items()
        },
        "fit": Cost(
            f"{shown:,} list slots in {budget['epochs']} epochs",
            TRAINING * shown * rates.encode_seconds,
        ),
        "base_run": Cost(f"{rates.passages:,} passages to encode", encode),
        "specialised_run": Cost(f"{rates.passages:,} passages to encode", encode),
        **{
            step_of("teacher_run", teacher): Cost(
                f"{judged:,} pairs of test queries", judged * seconds
            )
            for teacher, seconds in rates.pair_seconds.items()
        },
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps what the probe logs in this process to itself."""
    ours = logging.getLogger("dr_lightning")
    level = ours.level
    ours.setLevel(logging.WARNING)
    try:
        yield
    finally:
        ours.setLevel(level)


def _writing(queries: int, rates: WriterRates) -> Cost:
    read, written = rates.tokens_read * queries, rates.tokens_written * queries
    tokens = f"; {read:,.0f} tokens read, {written:,.0f} written" if read else ""
    return Cost(f"{queries:,} queries{tokens}", queries * rates.query_seconds)


def _list_length(settings: Settings) -> int:
    base = build("fit", settings).base
    config: Any = {} if base is None else yaml.safe_load(base.read_text("utf-8"))
    for key in ("data", "init_args", "batching", "sampling", "length"):
        config = config.get(key) if isinstance(config, dict) else None
    return config if isinstance(config, int) else LIST_LENGTH


def _state(name: str, settings: Settings) -> str:
    step = build(name, settings)
    layout = layout_of(settings)
    missing = list(_missing(step))
    if missing:
        return f"waits for {missing[0].name}"
    wanted = records.expected(step, layout.work)
    found = records.Record.load(layout.steps(step.shared) / f"{name}.json")
    return records.reason(step, layout.work, wanted, found) or "finished"


def _missing(step: Step) -> Iterator[Path]:
    return (path for path in step.reads if not path.exists())


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"

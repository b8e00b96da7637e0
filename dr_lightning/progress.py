"""How far long work is: a bar on a terminal, a line a minute in a log."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from math import ceil

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

logger = logging.getLogger(__name__)

EVERY = 60.0
"""Seconds between two lines of a log."""

Show = Callable[..., None]
"""Takes how much is done of the total, and what else to tell; null = the time left."""


@contextmanager
def follow(
    work: str, total: int, unit: str, clock: Callable[[], float] = time.monotonic
) -> Iterator[Show]:
    """Shows how far some work is, on standard error.

    Args:
        work: What is done, such as `score`.
        total: How much there is to do.
        unit: Of what, such as `pairs`.
        clock: Seconds.
    """
    started = clock()

    def left(done: float) -> str:
        if done <= 0:
            return ""
        seconds = (clock() - started) * (total - done) / done
        return f"{timedelta(seconds=ceil(seconds))} left"

    console = Console(stderr=True)
    if console.is_terminal:
        with _bar(console, work, total, unit) as draw:
            yield lambda done, told=None: draw(done, told or left(done))
    else:
        told_at = started

        def log(done: float, told: str | None = None) -> None:
            nonlocal told_at
            if clock() - told_at >= EVERY:
                told_at = clock()
                how_far = f"{done:,.0f} of {total:,} {unit}"
                logger.info("%s: %s: %s", work, how_far, told or left(done))

        yield log


@contextmanager
def _bar(
    console: Console, work: str, total: int, unit: str
) -> Iterator[Callable[[float, str], None]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} " + f"{unit}:"),
        TextColumn("{task.fields[told]}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(work, total=total, told="")
        yield lambda done, told: progress.update(task, completed=done, told=told)

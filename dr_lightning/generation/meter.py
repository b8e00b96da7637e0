"""How far `generate` is: queries and tokens a second, drops, time left."""

import time
from collections.abc import Callable
from datetime import timedelta
from math import ceil
from typing import NamedTuple


class Counts(NamedTuple):
    """What answers add up to.

    Attributes:
        queries: Queries that were asked for.
        tokens: Tokens that the engine wrote.
        dropped: Queries that are of no use.
    """

    queries: int = 0
    tokens: int = 0
    dropped: int = 0

    def plus(self, other: "Counts") -> "Counts":
        """The sums.

        Args:
            other: What is added.
        """
        return Counts(*(a + b for a, b in zip(self, other, strict=True)))


class Meter:
    """Counts answers as they come, and exactly once their part is whole.

    Rates are means since the first request: batches come seldom, and are as different
    as their prompts are long.

    Args:
        total: Queries to write.
        clock: Seconds.

    Example:
        >>> times = iter([0.0, 10.0])
        >>> meter = Meter(100, lambda: next(times))
        >>> meter.hear(Counts(20, 300, 1))
        >>> meter.told()
        '2.00 queries, 30 tokens a second, 5% dropped, 0:00:40 left'
    """

    def __init__(
        self, total: int, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.total, self.clock = total, clock
        self.started = clock()
        self.parts = self.part = Counts()

    @property
    def counts(self) -> Counts:
        """All there is."""
        return self.parts.plus(self.part)

    def hear(self, more: Counts) -> None:
        """Counts answers of the part in work.

        Args:
            more: What they add.
        """
        self.part = self.part.plus(more)

    def settle(self, part: Counts) -> None:
        """Takes a finished part in place of what was heard of it.

        Args:
            part: What it adds up to.
        """
        self.parts, self.part = self.parts.plus(part), Counts()

    def told(self) -> str:
        """Rates, share of drops and time left, in words; of one query at least."""
        queries, tokens, dropped = self.counts
        seconds = max(self.clock() - self.started, 1e-9)
        left = timedelta(seconds=ceil((self.total - queries) * seconds / queries))
        return (
            f"{_rate(queries / seconds)} queries, {_rate(tokens / seconds)} tokens a "
            f"second, {dropped / queries:.0%} dropped, {left} left"
        )


def _rate(number: float) -> str:
    """A large model on a CPU takes seconds a query, rules write thousands."""
    return f"{number:,.0f}" if number >= 10 else f"{number:.2f}"

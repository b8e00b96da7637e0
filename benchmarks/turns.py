"""Times several sides in turn, so that a busy machine slows all of them alike."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Turn:
    """One call of one side.

    Args:
        seconds: On the wall.
        cpu_seconds: Of all threads of the process; less moved by other processes.
        value: What the call returned.
    """

    seconds: float
    cpu_seconds: float
    value: float = 0.0


def timed(call: Callable[[], float | None]) -> Turn:
    """Calls and times; the call waits for its device itself.

    Args:
        call: Without arguments.
    """
    start, cpu_start = time.perf_counter(), time.process_time()
    value = call()
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    return Turn(seconds, cpu_seconds, value or 0.0)


def in_turn(
    sides: Mapping[str, Callable[[int], Turn]], turns: int
) -> dict[str, list[Turn]]:
    """Calls every side once a turn; the order of the sides alternates.

    Args:
        sides: Each takes the number of the turn.
        turns: At least 1.
    """
    found: dict[str, list[Turn]] = {name: [] for name in sides}
    for turn in range(turns):
        names = list(sides)[:: 1 if turn % 2 == 0 else -1]
        for name in names:
            found[name].append(sides[name](turn))
    return found


def medians(turns: list[Turn]) -> dict[str, float]:
    """Median seconds on the wall and of the processor."""
    return {
        "seconds": round(statistics.median(turn.seconds for turn in turns), 3),
        "cpu_seconds": round(statistics.median(turn.cpu_seconds for turn in turns), 3),
    }


def ratios(found: Mapping[str, list[Turn]], base: str) -> dict[str, dict[str, float]]:
    """How many times as long as `base` every other side took: medians over turns.

    Args:
        found: From `in_turn`.
        base: The side that the others are compared with.
    """
    wall, cpu = {}, {}
    for name, turns in found.items():
        pairs = list(zip(turns, found[base], strict=True))
        wall[name] = statistics.median(a.seconds / b.seconds for a, b in pairs)
        cpu[name] = statistics.median(a.cpu_seconds / b.cpu_seconds for a, b in pairs)
    return {
        f"times_{base}": _rounded(wall, base),
        f"times_cpu_of_{base}": _rounded(cpu, base),
    }


def _rounded(values: dict[str, float], base: str) -> dict[str, float]:
    return {name: round(value, 2) for name, value in values.items() if name != base}

"""How much an endpoint is asked at once, and how long failures are put up with."""

import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

LONGEST_BACKOFF = 60.0  # seconds


@dataclass(frozen=True)
class Patience:
    """Bounds on requests, time and failures; none of it changes an answer.

    Args:
        in_flight: Requests under way at once.
        timeout: Seconds for one try of a request, its answer read to the end.
        tries: How often a request is sent before it counts as failed.
        backoff: Seconds before the second try; they double with each further one, up
            to a minute. A random half of them is left out, so that requests that
            failed together do not come back together.
        longest_wait: Seconds. An endpoint that asks for a longer pause (Retry-After)
            ends the run, which goes on where it stopped when it is started again.

    Raises:
        ValueError: If a number is out of its range.
    """

    in_flight: int = 32
    timeout: float = 120.0
    tries: int = 6
    backoff: float = 1.0
    longest_wait: float = 600.0

    def __post_init__(self) -> None:
        """Checks the ranges."""
        for name in ("in_flight", "tries"):
            if getattr(self, name) < 1:
                msg = f"{name} must be at least 1, but got {getattr(self, name)}."
                raise ValueError(msg)
        for name in ("timeout", "backoff", "longest_wait"):
            if getattr(self, name) <= 0:
                msg = f"{name} must be above 0 seconds, but got {getattr(self, name)}."
                raise ValueError(msg)

    def pause(self, failures: int, asked: float, chance: float) -> float:
        """Seconds before the next try.

        Args:
            failures: How often the request has failed, 1 or more.
            asked: Seconds that the endpoint asks to wait at least.
            chance: A random number from 0 to 1.

        Example:
            >>> Patience(backoff=1).pause(failures=3, asked=0, chance=0.5)
            3.0
            >>> Patience(backoff=1).pause(failures=3, asked=30, chance=0.5)
            33.0
        """
        backoff = min(self.backoff * 2.0 ** (failures - 1), LONGEST_BACKOFF)
        return asked + backoff * (1 + chance) / 2


DEFAULT_PATIENCE = Patience()


def retry_after(header: str | None, now: float | None = None) -> float:
    """Seconds that a Retry-After header asks for; 0 without one.

    Args:
        header: Seconds, or a date as HTTP writes it; null = there is none.
        now: Seconds since 1970; null = the clock's.

    Example:
        >>> retry_after("2.5")
        2.5
        >>> retry_after("Thu, 01 Jan 1970 00:01:00 GMT", now=50)
        10.0
        >>> retry_after("soon")
        0.0
    """
    if header is None:
        return 0.0
    try:
        seconds = float(header)
        return seconds if seconds > 0 else 0.0  # "nan" too
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    return max(date.timestamp() - (time.time() if now is None else now), 0.0)

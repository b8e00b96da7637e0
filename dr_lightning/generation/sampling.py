"""How a language model draws a query, and whether the token limit cut it."""

from dataclasses import dataclass

STOP = "\n"
"""A query is the first line that is not empty, so nothing behind it is asked for."""


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn.

    Args:
        temperature: 0 takes the likeliest token. 0.8, as in arXiv 2502.19712.
        top_p: Draws from the likeliest tokens whose probabilities reach this sum.
        max_tokens: Tokens of an answer; 50, as in arXiv 2502.19712.

    Raises:
        ValueError: If a number is out of its range.
    """

    temperature: float = 0.8
    top_p: float = 1.0
    max_tokens: int = 50

    def __post_init__(self) -> None:
        """Checks the ranges."""
        if not 0 <= self.temperature <= 2:
            msg = f"temperature must be from 0 to 2, but got {self.temperature}."
            raise ValueError(msg)
        if not 0 < self.top_p <= 1:
            msg = f"top_p must be above 0 and at most 1, but got {self.top_p}."
            raise ValueError(msg)
        if self.max_tokens < 1:
            msg = f"max_tokens must be at least 1, but got {self.max_tokens}."
            raise ValueError(msg)


DEFAULT_SAMPLING = Sampling()


def line_is_whole(text: str, finish_reason: str | None) -> bool:
    r"""Whether the first line that is not empty came to its end.

    Args:
        text: An answer.
        finish_reason: As vLLM and endpoints tell it: "length" = the limit cut it.

    Example:
        >>> line_is_whole("how long does", "length")
        False
        >>> line_is_whole("\nhow long does bread rise\nNote that", "length")
        True
    """
    return finish_reason != "length" or STOP in text.lstrip()

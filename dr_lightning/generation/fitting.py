"""Limits of a prompt and an answer, and how a passage is cut to fit."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class TokenLimits:
    """Tokens that a model reads and writes.

    Args:
        max_prompt_tokens: Of a whole prompt; null = what the model's context leaves.
            Only the passage is cut.
        max_passage_tokens: Of the passage alone; null = no limit. A CPU's patience.
        max_new_tokens: Of an answer. 50, as in arXiv 2502.19712.

    Raises:
        ValueError: If a limit is below 1.
    """

    max_prompt_tokens: int | None = None
    max_passage_tokens: int | None = None
    max_new_tokens: int = 50

    def __post_init__(self) -> None:
        """Checks the limits."""
        for name in ("max_prompt_tokens", "max_passage_tokens", "max_new_tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                msg = f"{name} must be at least 1, but got {value}."
                raise ValueError(msg)


DEFAULT_LIMITS = TokenLimits()


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn.

    Args:
        temperature: Of the model's distribution; 0 = always the likeliest token. 0.8,
            as in arXiv 2502.19712.
        top_p: Only the likeliest tokens that together have this probability are drawn.
            Below 1, small models stray less.

    Raises:
        ValueError: If a number is out of its range.
    """

    temperature: float = 0.8
    top_p: float = 1.0

    def __post_init__(self) -> None:
        """Checks the numbers."""
        if self.temperature < 0 or not 0 < self.top_p <= 1:
            msg = (
                f"temperature must be 0 or more and top_p above 0 and at most 1, but "
                f"got {self.temperature} and {self.top_p}."
            )
            raise ValueError(msg)


DEFAULT_SAMPLING = Sampling()


def longest_fit(text: str, fits: Callable[[str], bool]) -> str:
    """The longest beginning of a text that fits, of whole words where it has spaces.

    Args:
        text: Any text.
        fits: Whether a beginning fits; if a longer one does, so does a shorter one.

    Returns:
        The empty text if nothing fits.

    Example:
        >>> longest_fit("bread rises slowly", lambda text: len(text) < 14)
        'bread rises'
    """
    if fits(text):
        return text
    fitting, too_long = 0, len(text)
    while too_long - fitting > 1:
        middle = (fitting + too_long) // 2
        if fits(text[:middle]):
            fitting = middle
        else:
            too_long = middle
    cut = text[:fitting].rstrip()
    if fitting < len(text) and not text[fitting].isspace() and len(cut) == fitting:
        *words, _ = cut.rsplit(None, 1) if cut else [""]
        cut = words[0] if words else cut
    return cut

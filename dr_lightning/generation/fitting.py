"""How much of a passage a prompt has room for."""

import re
from collections.abc import Callable
from dataclasses import dataclass

TOO_LONG = "the prompt does not fit the model"
"""The fault of a request whose prompt is too long even with an empty passage."""


@dataclass(frozen=True)
class TokenLimits:
    """Tokens that a model reads at most; only the passage is cut.

    Args:
        max_prompt_tokens: Of a whole prompt; null = what the model's context leaves.
        max_passage_tokens: Of the passage alone; null = no limit. A CPU's patience.

    Raises:
        ValueError: If a limit is below 1.
    """

    max_prompt_tokens: int | None = None
    max_passage_tokens: int | None = None

    def __post_init__(self) -> None:
        """Checks the limits."""
        for name in ("max_prompt_tokens", "max_passage_tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                msg = f"{name} must be at least 1, or null, but got {value}."
                raise ValueError(msg)


DEFAULT_LIMITS = TokenLimits()


def longest_beginning(text: str, fits: Callable[[str], bool]) -> str | None:
    """The longest beginning of a text that fits, of whole words where it has spaces.

    Args:
        text: Any text.
        fits: Whether a beginning fits; if a longer one does, so does a shorter one.

    Returns:
        Null where not even the empty text fits.

    Example:
        >>> longest_beginning("bread rises slowly", lambda text: len(text) < 14)
        'bread rises'
    """
    if fits(text):
        return text
    if not fits(""):
        return None
    least, most = 0, len(text)  # `least` characters fit, `most` do not
    while most - least > 1:
        middle = (least + most) // 2
        if fits(text[:middle]):
            least = middle
        else:
            most = middle
    # Back to the last space, unless that leaves no word.
    last = re.search(r"\S\s+\S*\Z", text[: least + 1])
    words = text[: last.start() + 1] if last else ""
    # Tokenizers join what they read, so fewer words can be a token more.
    return words if words and fits(words) else text[:least]

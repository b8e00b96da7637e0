"""What a passage of the Python reference is, and how its text is cleaned."""

import re
from dataclasses import dataclass

MAX_CHARACTERS = 2048
"""Longer texts are cut here, as `ingest` cuts them."""

MIN_CHARACTERS = 10
MIN_WORDS = 2
"""Shorter texts say no more than their title."""


@dataclass(frozen=True)
class Passage:
    """One passage: the name to cite, the name with its signature, the text."""

    passage_id: str
    title: str
    text: str

    @property
    def is_trivial(self) -> bool:
        """Whether the text is too short to answer anything."""
        return len(self.text) < MIN_CHARACTERS or len(self.text.split()) < MIN_WORDS


def clean(text: str) -> str:
    r"""One line without addresses or control characters, cut to `MAX_CHARACTERS`.

    Example:
        >>> clean("Return the item.\n\n    Raise KeyError\tif it is missing.")
        'Return the item. Raise KeyError if it is missing.'
        >>> clean("see <object object at 0x7f01>")
        'see <object object>'
    """
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", text)
    text = re.sub(r"[\x00-\x1f\x7f\s]+", " ", text)
    return text.strip()[:MAX_CHARACTERS].rstrip()

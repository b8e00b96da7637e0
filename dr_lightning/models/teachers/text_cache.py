"""Remembers what was made of a text: a passage is scored for many queries."""

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

Value = TypeVar("Value")


class TextCache(Generic[Value]):
    """Makes a value of each text once, and forgets all of them when they are many.

    Args:
        make: The values of distinct texts.
        texts: How many are remembered; token ids and embeddings take some 2 KB each.

    Example:
        >>> lengths = TextCache(lambda texts: list(map(len, texts)))
        >>> lengths(["ab", "c", "ab"])
        [2, 1, 2]
    """

    def __init__(
        self, make: Callable[[list[str]], Iterable[Value]], texts: int = 100_000
    ) -> None:
        self.make, self.texts = make, texts
        self._known: dict[str, Value] = {}

    def __call__(self, texts: Sequence[str]) -> list[Value]:
        """The value of each text."""
        if len(self._known) > self.texts:
            self._known.clear()
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, self.make(new), strict=True))
        return [self._known[text] for text in texts]

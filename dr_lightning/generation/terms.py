"""Which words tell a passage from others: inverse document frequencies, key phrases."""

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources

import polars as pl

WORD = r"[^\W_]+(?:['\u2019-][^\W_]+)*"
_WORD = re.compile(WORD)
_BREAK = re.compile(r"[^\w\s'\u2019-]+|\s[-'\u2019]\s")
_COMMON = 0.2
"""Share of passages above which a word of up to three letters joins no phrase."""
_COUNTED = 100_000
"""Passages that frequencies are counted in; more would not move them."""
_STOP_WORDS = frozenset(
    resources.files("dr_lightning.generation")
    .joinpath("stop_words.txt")
    .read_text("utf-8")
    .split()
)
"""English words that tell no subject, and those that abstracts are full of."""


@dataclass
class Terms:
    """Inverse document frequencies of the words of a corpus.

    Before `count`, all words weigh the same.

    Args:
        passages: How many were counted.
        frequency: Word in lower case -> passages that have it.
    """

    passages: int = 0
    frequency: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def count(cls, passages: pl.LazyFrame) -> "Terms":
        """Counts in how many passages each word stands.

        Args:
            passages: Column passage. Of a large corpus, its beginning counts.

        Example:
            >>> frame = pl.LazyFrame({"passage": ["Zip files.", "Sort a list, sort."]})
            >>> Terms.count(frame).frequency["sort"]
            1
        """
        words = pl.col("passage").str.to_lowercase().str.extract_all(WORD)
        some = passages.head(_COUNTED).select(words.list.unique().alias("word"))
        rows = some.collect()
        counts = rows.explode("word").drop_nulls()["word"].value_counts()
        return cls(len(rows), dict(counts.iter_rows()))

    def weight(self, word: str) -> float:
        """How much a word tells: the logarithm of how rare it is, smoothed.

        Args:
            word: In any case.

        Example:
            >>> terms = Terms(10, {"flow": 9, "plume": 1})
            >>> terms.weight("plume") > terms.weight("flow") > 0
            True
        """
        seen = self.frequency.get(word.lower(), 0)
        return math.log(1 + (self.passages + 1) / (seen + 0.5))

    def weak(self, word: str) -> bool:
        """Whether a word joins no phrase, as "the" does not.

        Args:
            word: In any case.
        """
        lower = word.lower()
        if lower in _STOP_WORDS or lower.isdigit():
            return True
        share = self.frequency.get(lower, 0) / max(self.passages, 1)
        return len(word) <= 3 and (len(word) < 2 or share > _COMMON)


def key_phrases(
    text: str, terms: Terms, title: str = "", longest: int = 3
) -> list[str]:
    """Runs of telling words, the most telling first, no word in two of them.

    A phrase weighs its words' mean inverse document frequency, times the logarithm of
    how often they stand in the text; words of the title count twice more, and a single
    word that stands there once counts half.

    Args:
        text: The passage.
        terms: Of the corpus.
        title: The passage's title.
        longest: Words a phrase; of a longer run the best ones are taken.

    Example:
        >>> key_phrases("The heat of a blunt cone; a blunt cone in heat.", Terms())
        ['blunt cone', 'heat']
    """
    times = Counter(word.lower() for word in _WORD.findall(text))
    times.update(word.lower() for word in _WORD.findall(title) * 2)
    phrases: dict[str, float] = {}
    for run in _runs(text, terms) + _runs(title, terms):
        weights = [terms.weight(w) * math.log(1 + times[w.lower()]) for w in run]
        size = min(longest, len(run))
        at = max(range(len(run) - size + 1), key=lambda i: sum(weights[i : i + size]))
        # A phrase tells more than its words apart, hence the bonus for length.
        weight = sum(weights[at : at + size]) / size * (1 + 0.2 * (size - 1))
        if size == 1 and times[run[at].lower()] == 1:
            weight /= 2
        phrase = " ".join(run[at : at + size])
        phrases[phrase] = max(weight, phrases.get(phrase, 0.0))
    chosen, taken = [], set[str]()
    for phrase in sorted(phrases, key=lambda phrase: -phrases[phrase]):
        words = {_stem(word) for word in phrase.split()}
        if not words & taken:
            chosen.append(phrase)
            taken |= words
    return chosen


def _stem(word: str) -> str:
    """Lower case, without a plural's s."""
    lower = word.lower()
    return lower.removesuffix("s") if len(lower) > 3 else lower


def _runs(text: str, terms: Terms) -> list[list[str]]:
    """Words between stop words and punctuation."""
    runs: list[list[str]] = []
    for piece in _BREAK.split(text):
        run: list[str] = []
        for word in _WORD.findall(piece):
            if terms.weak(word):
                runs.append(run)
                run = []
            else:
                run.append(word)
        runs.append(run)
    return [run for run in runs if run]

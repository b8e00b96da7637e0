"""Which words tell a passage from others: inverse document frequencies, key phrases."""

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

WORD = r"[^\W_]+(?:['’-][^\W_]+)*"
_WORD = re.compile(WORD)
_BREAK = re.compile(r"[^\w\s'’-]+|\s[-'’]\s")
_COMMON = 0.2
"""Share of passages above which a word of up to three letters joins no phrase."""
_COUNTED = 100_000
"""Passages that frequencies are counted in; more would not move them."""
_STOP_WORDS = frozenset(
    """
a about above across after again against all almost along already also although always
am among an and another any are around as at away be became because become been before
behind being below between both but by came can cannot come could did do does done down
due during each either else enough especially etc even ever every few first following
for from further gave get give given gives go got had has have having he hence her here
hers herself him himself his how however i if in include included includes including
indeed instead into is it its itself just kind kinds last later least less let like made
mainly make makes making many may me might more moreover most much must my near need
neither never no nor not now of off often on once one only onto or other others our out
over own part per perhaps possible put quite rather really regarding s same say second
see seem seems seen several shall she should show showed shown shows since so some such
take taken than that the their theirs them themselves then there therefore these they
this those though three through throughout thus to together too toward towards two under
unless until up upon us use used uses using various very via was way we well were what
when whenever where whereas wherever whether which while who whole whom whose why will with within without
would yet you your present presented presents paper papers study studies report reports
found find discussed discuss described describes considered certain obtained based
result results method methods investigated investigation examined recently respectively
becomes indicate indicates indicated require requires required conducted cover covers
affect affects affected approximately considerably exist exists existing compared
developed proposed introduce introduced extended apply applied determine determined
derived carried appear appears occur occurs occurred good better represented provide
provides provided
""".split()
)


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

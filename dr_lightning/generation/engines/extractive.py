"""Queries without a language model: pieces of the passages themselves."""

from collections.abc import Callable, Sequence

import polars as pl

from dr_lightning.generation.engine import Answer, Engine, Report, Request, unheard
from dr_lightning.generation.pieces import shorten, stand_alone, statements, tidy
from dr_lightning.generation.sentences import sentences
from dr_lightning.generation.terms import Terms, key_phrases

_VERSION = 1
"""Rises with every change of what is written for a passage."""
_CLAIMS = 3
"""Sentences that a claim is drawn from."""
_SPARE = 2
"""Key phrases more than are used, so that seeds can differ."""
_LEFT = 2
"""Sentences that cloze leaves in a passage at least."""


class Extractive(Engine):
    """Takes queries out of the passages by rule: thousands a second, no model.

    The default where no language model is at hand, the baseline that one has to beat,
    and the way to cover a whole corpus on a CPU. Its types:

    - `title`: the passage's title.
    - `sentence`: a sentence, which stays in the passage.
    - `cloze`: a sentence that is taken out of the passage for training (inverse cloze,
      arXiv 1906.00300).
    - `keywords`: key phrases by tf-idf over the corpus.
    - `claim`: a telling sentence, shortened.

    Which sentence or phrases, the request's seed decides. The rules for sentences know
    Latin, Greek, Cyrillic and CJK punctuation; those for `keywords` and `claim` know
    English words.

    A piece of a passage may say nothing about it, and a student that has to find the
    passage by it loses more than it learns: give `retrieve` a `source_depth` of 1, so
    that only queries stay whose passage the student finds first (docs/findings.md).

    Args:
        max_words: Words of a sentence or claim.
        phrases: Key phrases of `keywords` at most; two at least.

    Raises:
        ValueError: If `max_words` is below 8 or `phrases` below 2.
    """

    takes_chat = False
    extracts = True

    def __init__(self, max_words: int = 22, phrases: int = 4) -> None:
        if max_words < 8 or phrases < 2:
            msg = (
                f"max_words must be at least 8 and phrases at least 2, but got "
                f"{max_words} and {phrases}."
            )
            raise ValueError(msg)
        self.max_words, self.phrases = max_words, phrases
        self.settings = {"max_words": max_words, "phrases": phrases}
        self.fingerprint = f"extractive-{_VERSION}-{max_words}-{phrases}"
        self._terms = Terms()
        self._rules: dict[str, Callable[[Request], Answer]] = {
            "title": self._title,
            "sentence": self._sentence,
            "cloze": self._cloze,
            "keywords": self._keywords,
            "claim": self._claim,
        }
        self.query_types = tuple(self._rules)

    def prepare(self, passages: pl.LazyFrame) -> None:
        """Counts in how many passages each word stands."""
        self._terms = Terms.count(passages)

    def answer(
        self, requests: Sequence[Request], report: Report = unheard
    ) -> list[Answer]:
        """Takes a piece out of each passage; see `Engine.answer`."""
        return [self._rules[request.query_type](request) for request in requests]

    def _title(self, request: Request) -> Answer:
        title = tidy(request.title)
        return Answer(title, fault=None if title else "passage without title")

    def _sentence(self, request: Request) -> Answer:
        found = stand_alone(sentences(request.passage), self.max_words)
        if not found:
            return Answer("", fault="no sentence of five words")
        found = found[::2]  # `cloze` has the others
        return Answer(self._fitted(found[request.seed % len(found)]))

    def _cloze(self, request: Request) -> Answer:
        every = sentences(request.passage)
        once = [s for s in every if request.passage.count(s) == 1]
        found = stand_alone(once, self.max_words)[1::2]
        if not found or len(every) <= _LEFT:
            return Answer("", fault="no sentence to take out")
        sentence = found[request.seed % len(found)]
        return Answer(self._fitted(sentence), removed=sentence)

    def _keywords(self, request: Request) -> Answer:
        """Some of the best phrases, in the order in which the passage has them."""
        text, title = request.passage, request.title
        found = key_phrases(text, self._terms, title)[: self.phrases + _SPARE]
        rest, size = divmod(request.seed, self.phrases - 1)
        while len(found) > size + 2:
            rest, place = divmod(rest, len(found) - 1)
            del found[place + 1]  # the best phrase stays
        whole = f"{title} {text}"
        return Answer(" ".join(sorted(found, key=whole.find)))

    def _claim(self, request: Request) -> Answer:
        found = statements(sentences(request.passage), self._terms, _CLAIMS)
        if not found:
            return Answer("", fault="no sentence of five words")
        short = [shorten(sentence, self.max_words) for sentence in found]
        # One that cannot be shortened would be the query of `sentence` as well.
        other = [s for s, whole in zip(short, found, strict=True) if s != tidy(whole)]
        choice = other or short
        return Answer(choice[request.seed % len(choice)])

    def _fitted(self, sentence: str) -> str:
        """The sentence as it stands, or its main statement if it is too long."""
        whole = tidy(sentence)
        fits = len(whole.split()) <= self.max_words
        return whole if fits else shorten(sentence, self.max_words)

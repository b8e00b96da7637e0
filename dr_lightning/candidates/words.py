"""Words as BM25 counts them: cut out of a text, without stop words, stemmed."""

import logging
from collections.abc import Callable, Iterable

import polars as pl

logger = logging.getLogger(__name__)

#: Han and Hiragana have no spaces between words: each character is taken for one.
_WORD = r"[\p{Han}\p{Hiragana}]|[\w--[\p{Han}\p{Hiragana}]]+"

#: Languages whose lists of stop words bm25s carries.
STOPWORDS = (
    "danish",
    "dutch",
    "english",
    "french",
    "german",
    "italian",
    "norwegian",
    "portuguese",
    "russian",
    "spanish",
    "swedish",
    "turkish",
)


def words(text: pl.Expr) -> pl.Expr:
    """The words of a text, lower-cased, in order.

    A word is a run of letters, marks, digits and underscores of any script, so vowel
    signs stay in their words. Accents stay too: other words in many languages. Han and
    Hiragana are cut into characters, as Lucene's standard tokenizer does. Thai, Lao,
    Khmer and Burmese, which have no spaces either, are not cut: a phrase is a word.

    Args:
        text: A polars expression.

    Example:
        >>> frame = pl.DataFrame({"text": ["B-cells (2ⁿᵈ) d'été", "हिन्दी में", "猫です"]})
        >>> frame.select(words(pl.col("text"))).to_series().to_list()
        [['b', 'cells', '2nd', 'd', 'été'], ['हिन्दी', 'में'], ['猫', 'で', 'す']]
    """
    return text.str.normalize("NFKC").str.to_lowercase().str.extract_all(_WORD)


def find_stopwords(stopwords: str | list[str] | None) -> frozenset[str]:
    """Stop words by language, or one's own.

    Args:
        stopwords: A language among `STOPWORDS`, a list of words, or null for none.

    Raises:
        ValueError: If there is no list for the language.

    Example:
        >>> "the" in find_stopwords("english"), find_stopwords(["Der"])
        (True, frozenset({'der'}))
    """
    if stopwords is None or isinstance(stopwords, list):
        return frozenset(word.lower() for word in stopwords or [])
    if stopwords not in STOPWORDS:
        msg = (
            f"stopwords must be a language among {', '.join(STOPWORDS)}, a list of "
            f"words, or null, but got {stopwords!r}."
        )
        raise ValueError(msg)
    # Imported here: only BM25 needs it.
    from bm25s import stopwords as lists

    name = "EN" if stopwords == "english" else stopwords.upper()
    return frozenset(getattr(lists, f"STOPWORDS_{name}"))


def find_stemmer(language: str | None) -> Callable[[str], str] | None:
    """Snowball's stemmer of a language; null without one, or without PyStemmer.

    Args:
        language: Such as `english`; null for none.

    Raises:
        ValueError: If Snowball has no such stemmer.
    """
    if language is None:
        return None
    try:
        import Stemmer
    except ImportError:
        return None
    if language not in Stemmer.algorithms():
        msg = (
            f"stemmer must be one of {', '.join(Stemmer.algorithms())}, or null, but "
            f"got {language!r}."
        )
        raise ValueError(msg)
    stem: Callable[[str], str] = Stemmer.Stemmer(language).stemWord
    return stem


class Vocabulary:
    """Numbers for words: one for all words of a stem, none for stop words.

    Args:
        stopwords: Words, not stems, that do not count.
        stem: Gives a word's stem; null = the word.

    Example:
        >>> vocabulary = Vocabulary(frozenset({"the"}), str.upper)
        >>> vocabulary.add(["the", "cat", "sat", "cat"])
        [0, 1, 0]
        >>> vocabulary.known(["the", "dog", "sat"])
        [1]
    """

    def __init__(
        self, stopwords: frozenset[str], stem: Callable[[str], str] | None
    ) -> None:
        self._stem = stem or str
        self._stopwords = stopwords
        #: Of each stem, and of each word met in `add`; -1 for a stop word.
        self._of_stem: dict[str, int] = {}
        self._of_word: dict[str, int] = dict.fromkeys(stopwords, -1)

    def __len__(self) -> int:
        """How many numbers there are."""
        return len(self._of_stem)

    def add(self, text: Iterable[str]) -> list[int]:
        """Numbers of a passage's words; new words get new ones."""
        numbers = []
        for word in text:
            number = self._of_word.get(word)
            if number is None:
                number = self._of_stem.setdefault(self._stem(word), len(self))
                self._of_word[word] = number
            if number >= 0:
                numbers.append(number)
        return numbers

    def known(self, text: Iterable[str]) -> list[int]:
        """Numbers of a query's words, without those that no passage has."""
        counted = (word for word in text if word not in self._stopwords)
        found = (self._of_stem.get(self._stem(word)) for word in counted)
        return [number for number in found if number is not None]

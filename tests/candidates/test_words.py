"""What counts as a word, in several scripts, with and without a stemmer."""

import sys

import polars as pl
import pytest

from dr_lightning.candidates.words import (
    STOPWORDS,
    Vocabulary,
    find_stemmer,
    find_stopwords,
    words,
)


def cut(text: str) -> list[str]:
    found: list[str] = pl.select(words(pl.lit(text))).item().to_list()
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Vitamin D: IL-2, 3.5%", ["vitamin", "d", "il", "2", "3", "5"]),
        ("naïve Straße", ["naïve", "straße"]),
        ("ΟΔΟΣ όχι", ["οδος", "όχι"]),
        ("Ёлка и ель", ["ёлка", "и", "ель"]),
        ("यह हिन्दी है", ["यह", "हिन्दी", "है"]),
        ("السَّلام عليكم", ["السَّلام", "عليكم"]),
        ("東京タワーへ", ["東", "京", "タワー", "へ"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("ﬁne x² ½", ["fine", "x2", "1", "2"]),
        ("... --- !", []),
    ],
)
def test_words_of_many_scripts(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


def test_words_of_a_stem_are_one_and_stop_words_none() -> None:
    vocabulary = Vocabulary(frozenset({"the"}), find_stemmer("english"))
    assert vocabulary.add(["the", "engine", "runs", "engines"]) == [0, 1, 0]
    assert vocabulary.known(["running", "the", "unseen"]) == [1]
    assert len(vocabulary) == 2


def test_every_language_has_stop_words() -> None:
    assert all(len(find_stopwords(language)) > 30 for language in STOPWORDS)
    assert find_stopwords(None) == frozenset()


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="stopwords must be a language among danish,"):
        find_stopwords("klingon")
    with pytest.raises(
        ValueError, match=r"stemmer must be one of arabic, .* 'klingon'"
    ):
        find_stemmer("klingon")


def test_no_stemmer_without_pystemmer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "Stemmer", None)
    assert find_stemmer("english") is None

"""BM25 against plain loops over the formula, and what its lists hold."""

import logging
import math
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dr_lightning.candidates import BM25
from dr_lightning.candidates.bm25 import top_rows

CORPUS = [
    "the wing of an aircraft",
    "boundary layer flow over a wing wing wing",
    "supersonic flow",
    "flow supersonic",
    "heat transfer in a boundary layer with flow and with heat",
    "",
]
Found = list[list[tuple[int, float]]]
word = st.sampled_from(["wing", "flow", "heat", "layer", "mach"])
texts = st.lists(word, max_size=8).map(" ".join)


def found(bm25: BM25, passages: list[str], queries: list[str], depth: int) -> Found:
    frame = pl.LazyFrame({"passage": passages})
    top = bm25.search(frame, pl.Series(queries, dtype=pl.String), depth)
    pairs = zip(top.rows.tolist(), top.scores.tolist(), strict=True)
    return [
        [(row, score) for row, score in zip(rows, scores, strict=True) if row >= 0]
        for rows, scores in pairs
    ]


def by_loops(passages: list[list[str]], query: list[str], k1: float, b: float) -> Found:
    """The formula, rounded to float32 where bm25s stores and adds."""
    mean = sum(map(len, passages)) / len(passages)
    scored = []
    for row, passage in enumerate(passages):
        total = np.float32(0)
        for name in query:
            holders = sum(name in other for other in passages)
            if name in passage:
                odds = (len(passages) - holders + 0.5) / (holders + 0.5)
                times = passage.count(name)
                norm = k1 * (1 - b + b * len(passage) / mean)
                share = float(np.float32(math.log(1 + odds))) * times / (times + norm)
                total += np.float32(share)
        if total > 0:
            scored.append((row, float(total)))
    return [sorted(scored, key=lambda pair: (-pair[1], pair[0]))]


@settings(max_examples=60, deadline=None)
@given(
    passages=st.lists(texts, min_size=1, max_size=12).filter(lambda ts: any(ts)),
    query=texts,
    depth=st.integers(1, 14),
    k1=st.sampled_from([0.0, 0.9, 1.5]),
    b=st.sampled_from([0.0, 0.4, 1.0]),
)
def test_bm25_is_its_formula(
    passages: list[str], query: str, depth: int, k1: float, b: float
) -> None:
    bm25 = BM25(k1=k1, b=b, stemmer=None, stopwords=None)
    (got,) = found(bm25, passages, [query], depth)
    (expected,) = by_loops([p.split() for p in passages], query.split(), k1, b)
    assert got == expected[:depth]


def test_equal_passages_are_cut_and_ordered_by_row() -> None:
    (got,) = found(BM25(), ["flow", "wing"] * 50, ["wing"], 3)
    assert [row for row, _ in got] == [1, 3, 5]


def test_lists_hold_only_passages_that_share_a_word() -> None:
    got = found(BM25(), CORPUS, ["wings", "mach number", "the of"], 10)
    assert [[row for row, _ in of_query] for of_query in got] == [[1, 0], [], []]


def test_without_stemming_other_endings_are_other_words() -> None:
    assert found(BM25(stemmer=None), CORPUS, ["wings"], 10) == [[]]


def test_a_missing_pystemmer_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "Stemmer", None)
    with caplog.at_level(logging.WARNING):
        assert found(BM25(), CORPUS, ["wings"], 10) == [[]]
    assert "words are not stemmed, for PyStemmer is not installed" in caplog.text
    assert BM25().told["stemmer"] is None
    assert BM25(stemmer=None).told == BM25().told


def test_other_languages_have_their_own_endings() -> None:
    german = BM25(stemmer="german", stopwords="german")
    (got,) = found(german, ["die Häuser am See", "ein Berg"], ["Haus und See"], 5)
    assert [row for row, _ in got] == [0]


@pytest.mark.parametrize("depth", [1, 3, 5, 9])
def test_top_rows_are_those_of_a_full_sort(depth: int) -> None:
    scores = np.random.default_rng(0).integers(0, 4, (50, 8)).astype(np.float32)
    for row in scores:
        full = sorted(range(8), key=lambda i: (-row[i], i))
        expected = [i for i in full if row[i] > 0][:depth]
        assert top_rows(row, depth).tolist() == expected


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match=r"b from 0 to 1, but got k1 1\.5 and b 2"):
        BM25(b=2)
    with pytest.raises(ValueError, match="k1 of at least 0"):
        BM25(k1=-1)
    with pytest.raises(ValueError, match="stemmer must be one of"):
        BM25(stemmer="klingon")
    with pytest.raises(ValueError, match="stopwords must be"):
        BM25(stopwords="klingon")


def test_a_corpus_without_words_is_refused() -> None:
    with pytest.raises(ValueError, match="none of 2 passages has a word that counts"):
        found(BM25(), ["the", "..."], ["wing"], 5)

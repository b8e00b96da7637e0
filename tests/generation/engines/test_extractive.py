"""Extractive: queries out of a passage by rule."""

import time

import polars as pl
import pytest

from dr_lightning.generation.engine import Answer, Request
from dr_lightning.generation.engines import Extractive, Fake

TITLE = "Stone ovens ."
PASSAGE = (
    "A stone oven keeps its heat for hours. We describe how one is built at home. "
    "The results show that thick walls (of clay) save a third of the wood. Bread "
    "bakes best while the stones cool slowly."
)


def answers(kind: str, passage: str = PASSAGE, seeds: int = 30) -> list[Answer]:
    engine = Extractive()
    engine.prepare(pl.LazyFrame({"title": [TITLE], "passage": [PASSAGE]}))
    return engine.answer([Request(kind, TITLE, passage, seed) for seed in range(seeds)])


def texts(kind: str) -> set[str]:
    return {answer.text for answer in answers(kind)}


def test_a_title_is_tidied() -> None:
    assert texts("title") == {"Stone ovens"}


def test_sentence_and_cloze_share_the_sentences_out() -> None:
    sentence, cloze = texts("sentence"), texts("cloze")
    assert sentence
    assert cloze
    assert not sentence & cloze
    for answer in answers("cloze"):
        assert str(answer.removed) in PASSAGE
        assert answer.text in str(answer.removed)
    assert {answer.removed for answer in answers("sentence")} == {None}


def test_a_claim_is_a_shortened_statement() -> None:
    assert "thick walls save a third of the wood" in texts("claim")
    assert not any("We describe" in text for text in texts("claim"))


def test_keywords_are_words_of_the_passage_in_its_order() -> None:
    for text in texts("keywords"):
        assert 2 <= len(text.split()) <= 12
        assert all(word in f"{TITLE} {PASSAGE}" for word in text.split())
    assert len(texts("keywords")) > 3


def test_seeds_differ_and_a_seed_repeats() -> None:
    for kind in ("sentence", "cloze", "keywords", "claim"):
        assert answers(kind) == answers(kind)


@pytest.mark.parametrize(
    ("kind", "passage", "fault"),
    [
        ("sentence", "Too short.", "no sentence of five words"),
        ("claim", "Too short.", "no sentence of five words"),
        ("cloze", "A stone oven keeps its heat. It cools.", "no sentence to take out"),
    ],
)
def test_what_cannot_be_written_is_a_fault(kind: str, passage: str, fault: str) -> None:
    assert {answer.fault for answer in answers(kind, passage)} == {fault}


def test_a_passage_without_title_has_none() -> None:
    (answer,) = Extractive().answer([Request("title", "", PASSAGE, 1)])
    assert answer.fault == "passage without title"


def test_a_long_sentence_is_cut() -> None:
    long = "the stone oven keeps its heat for hours and bakes bread " * 5
    for kind in ("sentence", "claim"):
        (answer,) = Extractive(max_words=12).answer([Request(kind, "", long, 1)])
        assert 6 <= len(answer.text.split()) <= 12


def test_a_thousand_a_second() -> None:
    asked = [
        Request(k, TITLE, PASSAGE * 2, s)
        for k in Extractive().query_types
        for s in range(100)
    ]
    start = time.process_time()
    Extractive().answer(asked)
    assert time.process_time() - start < len(asked) / 1000


def test_settings_are_checked_and_in_the_fingerprint() -> None:
    assert Extractive().fingerprint != Extractive(max_words=9).fingerprint
    for options in ({"max_words": 7}, {"phrases": 1}):
        with pytest.raises(
            ValueError, match="max_words must be at least 8 and phrases"
        ):
            Extractive(**options)


def test_fake_repeats_and_fails_as_asked() -> None:
    asked = [Request("title", "", PASSAGE, seed * 617) for seed in range(200)]
    assert Fake().answer(asked) == Fake().answer(asked)
    assert Fake().answer(asked[3:4]) == Fake().answer(asked)[3:4]
    faulty = sum(not a.text.startswith("Query:") for a in Fake(0.5).answer(asked))
    assert 60 < faulty < 140
    with pytest.raises(ValueError, match="faulty must be from 0 to 1"):
        Fake(faulty=2)

"""Sentences, key phrases and statements, on texts that a person can judge."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dr_lightning.generation.pieces import shorten, stand_alone, tidy
from dr_lightning.generation.sentences import sentences
from dr_lightning.generation.terms import Terms, key_phrases

CORPUS = [
    "Bread dough rises in the warm kitchen. The baker waits for the bread.",
    "The baker sells bread and cake. A cake is baked in the oven.",
    "The stone oven is old. The stone oven keeps the heat.",
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One rises. Two falls! Does it? Yes", 4),
        ("the flow is slow . the wing stalls . it falls", 3),
        ("It holds, e.g. in Fig. 3 and by Smith et al. The rest follows.", 1),
        ("Mr. J. K. Miller of the U.S. Navy spoke. He left.", 2),
        ("A rate of 2.5 m was seen. It rose.", 2),
        ("He said: \u201cStop.\u201d Then he left.", 2),
        ("Die Stra\u00dfe war lang. \u00dcber ihr steht ein Haus.", 2),
        ("\u0425\u043b\u0435\u0431. \u041e\u043d \u0433\u043e\u0442\u043e\u0432.", 2),
        ("\u4eca\u65e5\u306f\u3002\u660e\u65e5\u306f\u3002", 2),
        ("", 0),
    ],
)  # fmt: skip
def test_sentences_are_split(text: str, expected: int) -> None:
    assert len(sentences(text)) == expected


@given(st.text(alphabet="aB. !?'\"\n\u3002", max_size=60))
def test_sentences_are_pieces_of_the_text_and_lose_nothing(text: str) -> None:
    found = sentences(text)
    assert all(piece in text for piece in found)
    assert "".join("".join(found).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("sentence", "short"),
    [
        (
            (
                "However, the results show that warm dough (at 30 C) rises much "
                "faster , which was expected ."
            ),
            "warm dough rises much faster",
        ),
        ("We found that heat helps old stone ovens.", "heat helps old stone ovens"),
        ("It is shown that it.", "It is shown that it"),
        (
            "CONCLUSION These data suggest that yeast makes gas in warm dough.",
            "yeast makes gas in warm dough",
        ),
        (
            "bread dough rises in a kitchen that is kept warm by the oven",
            "bread dough rises in a kitchen",
        ),
    ],
)
def test_a_statement_loses_what_it_can_do_without(sentence: str, short: str) -> None:
    assert shorten(sentence, 8) == short


@given(st.sampled_from(" ".join(CORPUS).split()), st.integers(8, 20), st.data())
def test_a_shortened_sentence_is_not_longer_than_asked(
    word: str, longest: int, data: st.DataObject
) -> None:
    words = data.draw(st.lists(st.sampled_from([word, "that", "(", ", and", "bread"])))
    text = shorten(" ".join(words), longest)
    assert len(text.split()) <= longest
    assert text.count("(") <= text.count(")")


def test_sentences_that_lean_on_others_come_last() -> None:
    told = ["They rise in the warm kitchen.", "Dough rises in the warm kitchen.",
            "Bread is baked in the oven."]  # fmt: skip
    assert stand_alone(told, 20) == told[1:]
    assert stand_alone(told[:2], 20) == told[:2]


def test_a_query_keeps_its_question_mark() -> None:
    assert tidy("[Purpose] Does dough rise ?") == "Does dough rise?"


def test_frequencies_count_passages() -> None:
    terms = Terms.count(pl.LazyFrame({"passage": [*CORPUS, ""]}))
    assert terms.passages == 4
    assert (terms.frequency["bread"], terms.frequency["cake"]) == (2, 1)
    assert terms.weight("Cake") > terms.weight("Bread") > terms.weight("the") > 0
    assert terms.weight("unseen") > terms.weight("cake")


def test_a_short_common_word_joins_no_phrase() -> None:
    terms = Terms(10, {"xyz": 9, "gas": 1})
    assert terms.weak("xyz")
    assert not terms.weak("gas")
    assert terms.weak("the")


def test_key_phrases_tell_a_passage_from_others() -> None:
    terms = Terms.count(pl.LazyFrame({"passage": CORPUS}))
    found = key_phrases(CORPUS[2], terms)
    assert found[0].startswith("stone oven")
    assert "The" not in " ".join(found).split()
    assert key_phrases(CORPUS[0], terms, title="Kitchen")[0] == "Kitchen"
    assert key_phrases("", terms) == []

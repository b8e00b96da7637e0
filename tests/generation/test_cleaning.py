"""Answers become queries: what is taken off, what is dropped, and why."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dr_lightning.generation.cleaning import clean, first_line, plain
from dr_lightning.generation.drops import CleaningRules, drop_reason
from dr_lightning.generation.engine import Answer
from dr_lightning.generation.query_type import built_in_types, load_query_type

RULES = CleaningRules()
PASSAGE = (
    "Bread dough rises because yeast makes gas. In a warm kitchen this takes an hour, "
    "in a cool cellar it may well take the whole night."
)
MESSY = st.text(
    alphabet="ab \n\"'`*_\u201c\u201d\u00ab\u00bb-1.):Query>#here", max_size=30
)
QUERIES = st.from_regex(r"[a-z]{2,9}( [a-z]{2,9}){1,9}\??", fullmatch=True).filter(
    lambda text: not text.startswith(("sorry", "afraid"))
)


@pytest.mark.parametrize(
    ("answer", "query"),
    [
        ("how does dough rise", "how does dough rise"),
        ("\n \n how does   dough\trise \nBecause", "how does dough rise"),
        ('Question: "How does dough rise?"', "How does dough rise?"),
        ("**Question:** how does dough rise", "how does dough rise"),
        ("**Question: how does dough rise**", "how does dough rise"),
        ("QUERY : dough", "dough"),
        ("Riddle: what grows when warm", "what grows when warm"),
        ("1. Search query: \u201cdough\u201d", "dough"),
        ("- \u00abdough\u00bb", "dough"),
        ("* 'dough'", "dough"),
        ("\u2022 \u201edough\u201c", "dough"),
        ("2) dough", "dough"),
        ('"dough that is cut', "dough that is cut"),
        ('"dough" and "bread"', '"dough" and "bread"'),
        ("baker's dough", "baker's dough"),
        ("10 kinds of dough", "10 kinds of dough"),
        ("-5 degrees", "-5 degrees"),
        ("Sure! Here is a question:\n\nhow does dough rise", "how does dough rise"),
        ("Here's a query:", ""),
        ("Question:", ""),
        ('""', ""),
    ],
)
def test_what_is_no_part_of_a_query_is_taken_off(answer: str, query: str) -> None:
    assert clean(answer, label="Riddle:") == query


@given(MESSY)
def test_cleaning_what_is_clean_changes_nothing(answer: str) -> None:
    once = clean(answer)
    assert clean(once) == once


@given(MESSY)
def test_a_query_is_one_line_without_space_to_spare(answer: str) -> None:
    query = clean(answer)
    assert query == " ".join(query.split())
    assert plain(query) in plain(answer)


@given(QUERIES, st.sampled_from(built_in_types()), st.sampled_from(['""', "''", "``"]))
def test_a_query_survives_what_is_put_around_it(
    query: str, name: str, quotes: str
) -> None:
    label = load_query_type(name).label
    around = f"\n  {label} {quotes[0]}{query}{quotes[1]}  \nThis asks ..."
    assert clean(around, label) == clean(query, label)


@pytest.mark.parametrize("text", ["a", "a\r\n", "\n\na\nb", "a\u2028b"])
def test_a_line_has_ended_where_a_break_follows(text: str) -> None:
    assert first_line(text) == ("a", text != "a")


def reason(text: str, passage: str = PASSAGE, **options: Any) -> str | None:
    answer = Answer(text, complete=options.pop("complete", True))
    rules = CleaningRules(**options)
    return drop_reason(clean(text), answer, passage, rules)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("how long does dough take", None),
        ("", "empty"),
        (" ?! ", "empty"),
        ("I'm sorry, but I cannot help with that.", "refusal"),
        ("I cannot write a query for this.", "refusal"),
        ("As an AI language model, I", "refusal"),
        ("Please provide the passage.", "refusal"),
        ("I can't get my dough to rise", None),
        ("sorry sight: flat bread", None),
        ("what is the purpose of this paper", "speaks of its passage"),
        ("According to the text, dough rises", "speaks of its passage"),
        ("what does a passage plan contain", None),
        ("bread dough rises because yeast makes gas", "copy of the passage"),
        ("Why: in a warm kitchen this takes an hour, in a cool cellar too",
         "copy of the passage"),
        ("dough rises because yeast works", None),
        ("yeast makes gas", None),
    ],
)  # fmt: skip
def test_an_answer_of_no_use_has_its_reason(text: str, expected: str | None) -> None:
    assert reason(text) == expected


def test_a_cut_line_is_dropped_and_cut_chatter_is_not() -> None:
    assert reason("how does dough", complete=False) == "cut by the token limit"
    assert reason("", complete=False) == "cut by the token limit"
    assert reason("how does dough rise\nIt asks", complete=False) is None


def test_an_engine_s_fault_comes_first() -> None:
    answer = Answer("", complete=False, fault="refused by the endpoint")
    assert drop_reason("", answer, PASSAGE, RULES) == "refused by the endpoint"


def test_each_rule_can_be_left_out() -> None:
    copied = "bread dough rises because yeast makes gas"
    assert reason(copied, whole_copy_words=None) is None
    assert reason(copied, copy_words=4, whole_copy_words=None) == "copy of the passage"
    assert reason(copied, passage="") is None
    assert reason("I'm sorry, but no", refusals=False) is None
    assert reason("what is this paper about", mentions=False) is None


@given(st.data())
def test_a_copy_is_found_wherever_it_stands(data: st.DataObject) -> None:
    words = plain(PASSAGE).split()
    start = data.draw(st.integers(0, len(words) - 12))
    length = data.draw(st.integers(1, 12))
    run = words[start : start + length]
    text = " ".join(["zebra", *run, "quagga"])
    assert (reason(text) is not None) == (length >= 10)
    assert (reason(" ".join(run)) is not None) == (length >= 6)


def test_equal_words_are_equal_queries() -> None:
    assert plain("How, does \uff24ough RISE?") == plain("how does dough rise")
    assert plain("mach 2") != plain("mach 5")


@pytest.mark.parametrize("name", ["copy_words", "whole_copy_words"])
def test_bad_rules_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 2, or null"):
        replace(RULES, **dict[str, Any]({name: 1}))

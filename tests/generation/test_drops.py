"""Answers that are of no use are dropped, each for a reason."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dr_lightning.generation.cleaning import clean, plain
from dr_lightning.generation.drops import CleaningRules, drop_reason
from dr_lightning.generation.engine import Answer

RULES = CleaningRules()
PASSAGE = (
    "Bread dough rises because yeast makes gas. In a warm kitchen this takes an hour, "
    "in a cool cellar it may well take the whole night."
)


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
        ("what does the passage describe, according to the passage",
         "speaks of its passage"),
        ("how does air flow in the passage of a turbine", None),
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


@pytest.mark.parametrize("name", ["copy_words", "whole_copy_words"])
def test_bad_rules_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 2, or null"):
        replace(RULES, **dict[str, Any]({name: 1}))

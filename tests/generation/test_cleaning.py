"""Answers become queries: what is taken off, and what stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dr_lightning.generation.cleaning import clean, first_line, plain
from dr_lightning.generation.query_type import built_in_types, load_query_type

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


def test_equal_words_are_equal_queries() -> None:
    assert plain("How, does \uff24ough RISE?") == plain("how does dough rise")
    assert plain("mach 2") != plain("mach 5")

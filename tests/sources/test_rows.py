"""Cleaning and repeats."""

import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dr_lightning.sources.rows import clean, drop_repeats


def cleaned(text: str | None, max_characters: int | None = 2048) -> str:
    frame = pl.DataFrame({"text": [text]}, schema={"text": pl.String})
    value: str = frame.select(clean("text", max_characters)).item()
    return value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\tc\r\nd", "a b c  d"),
        ("\x00a\x1fb\x7fc\x85d\u2028e", "a b c d e"),
        ("\ufeffa\u00a0", "a"),
        ("Zürich  é", "Zürich  é"),
        (" \n\t ", ""),
        (None, ""),
    ],
)
def test_control_characters_become_spaces(text: str | None, expected: str) -> None:
    assert cleaned(text) == expected


def test_characters_are_counted_not_bytes() -> None:
    assert cleaned("é" * 2050) == "é" * 2048
    assert cleaned("é" * 2050, None) == "é" * 2050


@given(st.text(st.characters(codec="utf-8")), st.integers(1, 20))
def test_a_clean_text_is_one_line_that_stays_as_it_is(text: str, limit: int) -> None:
    result = cleaned(text, limit)
    assert cleaned(result, limit) == result
    assert len(result) <= limit
    assert result == result.strip()
    assert len(result.splitlines()) <= 1
    assert not any(unicodedata.category(character) == "Cc" for character in result)


ids = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy")))


@given(ids)
def test_repeats_go_and_conflicts_are_refused(pairs: list[tuple[str, str]]) -> None:
    frame = pl.DataFrame(
        [(line, *pair) for line, pair in enumerate(pairs, 1)],
        schema={"line": pl.Int64, "id": pl.String, "text": pl.String},
        orient="row",
    )
    distinct = list(dict.fromkeys(pairs))
    if len({id_ for id_, _ in distinct}) < len(distinct):
        with pytest.raises(ValueError, match=r"^f:\d+: id '[abc]' stands in line \d+"):
            drop_repeats(frame.lazy(), ["id"], ["text"], "f")
    else:
        kept = drop_repeats(frame.lazy(), ["id"], ["text"], "f").collect()
        assert kept.select("id", "text").rows() == distinct
        assert kept["line"].is_sorted()

"""Passages are cut at words, to the longest beginning that fits; limits are checked."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dr_lightning.generation.batching import common_prefix, cut_batches, group_rows
from dr_lightning.generation.fitting import Sampling, TokenLimits, longest_fit


@given(st.text(alphabet="ab  \n", max_size=40), st.integers(0, 40))
def test_the_longest_beginning_of_whole_words_fits(text: str, most: int) -> None:
    cut = longest_fit(text, lambda part: len(part) <= most)
    assert text.startswith(cut)
    assert len(cut) <= most or cut == ""
    if len(text) > most and cut and " " in cut:
        assert text[len(cut)].isspace()
        assert len(cut.split()) >= len(text[:most].split()) - 1


def test_a_text_without_spaces_is_cut_anywhere() -> None:
    assert (
        longest_fit("\u4eca\u65e5\u306f\u660e\u65e5", lambda t: len(t) < 3)
        == "\u4eca\u65e5"
    )


def test_nothing_fits_in_nothing() -> None:
    assert longest_fit("bread", lambda _: False) == ""


@pytest.mark.parametrize(
    ("settings", "options", "message"),
    [
        (TokenLimits, {"max_new_tokens": 0}, "max_new_tokens must be at least 1"),
        (TokenLimits, {"max_prompt_tokens": 0}, "max_prompt_tokens must be at least"),
        (Sampling, {"temperature": -1.0}, "temperature must be 0 or more"),
        (Sampling, {"top_p": 0.0}, "top_p above 0 and at most 1"),
    ],
)
def test_bad_settings_are_refused(
    settings: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        settings(**options)


@given(st.lists(st.integers(0, 5), min_size=1), st.integers(1, 9))
def test_every_row_is_in_one_batch_of_its_group(keys: list[int], size: int) -> None:
    groups = group_rows(keys, size)
    lengths = [row * 7 % 11 for row in range(len(keys))]
    batches = [batch for group in groups for batch in cut_batches(group, lengths, size)]
    assert sorted(row for batch in batches for row in batch) == list(range(len(keys)))
    assert all(0 < len(batch) <= size for batch in batches)
    for group in groups[:-1]:
        assert len({keys[row] for row in group}) == 1
        cut = cut_batches(group, lengths, size)
        assert max(map(len, cut)) - min(map(len, cut)) <= 1


@given(st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=6), min_size=1))
def test_a_common_prefix_leaves_each_prompt_a_token(prompts: list[list[int]]) -> None:
    shared = common_prefix(prompts)
    assert all(prompt[:shared] == prompts[0][:shared] for prompt in prompts)
    assert shared < min(map(len, prompts))
    longer = {tuple(prompt[: shared + 1]) for prompt in prompts}
    assert len(longer) > 1 or shared == min(map(len, prompts)) - 1

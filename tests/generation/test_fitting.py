"""Passages are cut at words, to the longest beginning that fits; limits are checked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dr_lightning.generation.batching import common_prefix, cut_batches, group_rows
from dr_lightning.generation.fitting import TokenLimits, longest_beginning


@given(st.text(alphabet="ab  \n", max_size=40), st.integers(0, 40))
def test_the_longest_beginning_of_whole_words_fits(text: str, most: int) -> None:
    cut = longest_beginning(text, lambda part: len(part) <= most)
    assert cut is not None
    assert text.startswith(cut)
    assert len(cut) <= most
    if len(text) > most and " " in cut.strip():
        assert text[len(cut)].isspace()
        assert len(cut.split()) >= len(text[:most].split()) - 1


@pytest.mark.parametrize("room", range(8))
def test_a_text_without_spaces_is_cut_anywhere(room: int) -> None:
    cut = longest_beginning("queries", lambda text: len(text) <= room)
    assert cut == "queries"[:room]


def test_fewer_words_that_are_more_tokens_are_not_taken() -> None:
    """As where a token stands for "be i" and none for "be"."""
    fitting = {"", "to b", "to be ", "to be i"}
    assert longest_beginning("to be it", fitting.__contains__) == "to be i"


def test_nothing_fits_in_nothing() -> None:
    assert longest_beginning("bread", lambda _: False) is None
    assert longest_beginning("bread", lambda text: not text) == ""


@pytest.mark.parametrize("name", ["max_prompt_tokens", "max_passage_tokens"])
def test_limit_below_one_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, or null, .* 0"):
        TokenLimits(**{name: 0})


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

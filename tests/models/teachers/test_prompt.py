"""Prompts as token ids: what may be cut and what never is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dr_lightning.models.teachers.prompt import Prompt, PromptTokens
from tests.tiny_models import bpe_tokenizer, t5_tokenizer

ASKED = Prompt("Query: {query} Document: {passage} Relevant:", "▁true")
T5 = t5_tokenizer()
TEXT = st.text(alphabet="sort a list, x\u00fc.7?", max_size=60)


@given(query=TEXT, passage=TEXT, max_tokens=st.integers(30, 60))
@settings(max_examples=80, deadline=None)
def test_beginning_and_ending_stay_whole(
    query: str, passage: str, max_tokens: int
) -> None:
    tokens = PromptTokens(ASKED, T5, ends=True)
    made = tokens.pairs([query], [passage], np.array([[0, 0]]), max_tokens)
    ids = made.batch(np.array([0]))[0][0].tolist()
    assert len(ids) <= max_tokens
    text = str(T5.decode(ids))
    assert text.startswith("Query:")
    assert "Document:" in text
    assert T5.convert_ids_to_tokens(ids)[-3:] == ["▁Relevant", ":", "</s>"]


@pytest.mark.parametrize(
    "template",
    ["{query}", "{passage} {query}", "{query} {passage} {passage}", "Query: Document:"],
)
def test_template_without_both_fields_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"\{query\} and then \{passage\}, each once"):
        Prompt(template, "yes")


def test_fields_in_a_text_are_not_filled() -> None:
    assert Prompt("{query}: {passage}", "yes").head("{passage}?") == "{passage}?:"


def test_a_decoder_s_beginning_is_kept_and_no_end_is_added() -> None:
    tokens = PromptTokens(
        Prompt("{query} {passage}", "yes"), bpe_tokenizer(True), False
    )
    made = tokens.pairs(["sort"], ["a list"], np.array([[0, 0]]), 64)
    ids = made.batch(np.array([0]))[0][0].tolist()
    pieces = bpe_tokenizer(True).convert_ids_to_tokens(ids)
    assert pieces[0] == "<bos>"
    assert pieces[-1] == "Ġlist"

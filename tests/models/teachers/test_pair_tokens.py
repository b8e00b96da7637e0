"""Pairs put together from texts tokenised once equal those of the tokenizer."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers import models as tokenizer_models
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from dr_lightning.models.teachers.pair_tokens import (
    PairLayout,
    PairTokens,
    token_cache,
    tokenize,
)

ASSETS = Path(__file__).parents[2] / "assets"
PIECES = ["<s>", "</s>", "sort", "a", "list", "lists", "have", "method", "[UNK]"]


@pytest.fixture(scope="module")
def bert() -> PreTrainedTokenizerBase:
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
        ASSETS / "teacher"
    )
    return tokenizer


def words(pair: str) -> PreTrainedTokenizerBase:
    """A word-level tokenizer with a pair template of its own."""
    rows = {piece: row for row, piece in enumerate(PIECES)}
    backend = Tokenizer(tokenizer_models.WordLevel(rows, unk_token="[UNK]"))  # noqa: S106
    backend.pre_tokenizer = Whitespace()
    special = [(token, rows[token]) for token in ("<s>", "</s>")]
    backend.post_processor = TemplateProcessing(
        single="<s> $A </s>", pair=pair, special_tokens=special
    )
    tokenizer: PreTrainedTokenizerBase = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=backend
    )
    return tokenizer


def built(
    tokenizer: PreTrainedTokenizerBase, query: str, passage: str, max_tokens: int
) -> tuple[list[int], list[int]]:
    tokens = PairTokens(
        PairLayout.of(tokenizer),
        tokenize([query], tokenizer),
        tokenize([passage], tokenizer),
        np.array([[0, 0]]),
        max_tokens,
    )
    ids, mask, types = tokens.batch(np.array([0]))
    assert mask.all()
    assert tokens.lengths.tolist() == [ids.shape[1]]
    return ids[0].tolist(), types[0].tolist()


TEXT = st.text(alphabet="sort a list, x\u00fc.7", max_size=40)


@given(query=st.text(alphabet="sort a?", max_size=10), passage=TEXT)
@settings(max_examples=60, deadline=None)
def test_only_the_passage_is_cut_as_the_tokenizer_would(
    bert: PreTrainedTokenizerBase, query: str, passage: str
) -> None:
    # As lists: called with two strings, transformers takes an empty one for absent.
    expected = bert([query], [passage], truncation="only_second", max_length=24)
    ids, types = built(bert, query, passage, 24)
    assert ids == expected["input_ids"][0]
    assert types == expected["token_type_ids"][0]


def test_layout_of_bert(bert: PreTrainedTokenizerBase) -> None:
    layout = PairLayout.of(bert)
    assert (layout.before, layout.between, layout.after) == ((2,), (3,), (3,))
    assert layout.types == (0, 0, 0, 1, 1)
    assert layout.overhead == 3


def test_two_separators_as_in_roberta() -> None:
    tokenizer = words("<s> $A </s> </s> $B </s>")
    assert PairLayout.of(tokenizer).between == (1, 1)
    assert built(tokenizer, "sort", "a list", 16)[0] == [0, 2, 1, 1, 3, 4, 1]


def test_overlong_query_leaves_the_passage_a_quarter(
    bert: PreTrainedTokenizerBase,
) -> None:
    ids, types = built(bert, "sort " * 50, "list " * 50, 16)
    vocabulary = bert.get_vocab()
    assert len(ids) == 16
    assert ids.count(vocabulary["sort"]) == 12
    assert ids.count(vocabulary["list"]) == 1
    assert types == [0] * 14 + [1, 1]


def test_shorter_pairs_are_padded_and_masked(bert: PreTrainedTokenizerBase) -> None:
    queries = tokenize(["sort"], bert)
    passages = tokenize(["", "a list"], bert)
    pairs = np.array([[0, 0], [0, 1]])
    tokens = PairTokens(PairLayout.of(bert), queries, passages, pairs, 512)
    assert tokens.lengths.tolist() == [4, 6]
    ids, mask, types = tokens.batch(np.array([1, 0]))
    assert mask.sum(dim=1).tolist() == [6, 4]
    assert ids[1, 4:].tolist() == [bert.pad_token_id] * 2
    assert types[1].tolist() == [0, 0, 0, 1, 0, 0]


def test_own_truncation_of_a_tokenizer_is_switched_off() -> None:
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
        ASSETS / "teacher"
    )
    tokenizer.backend_tokenizer.enable_truncation(4)
    assert len(tokenize(["sort " * 9], tokenizer)[0]) == 9


def test_remembered_texts_have_the_ids_of_the_tokenizer(
    bert: PreTrainedTokenizerBase,
) -> None:
    tokens = token_cache(bert)
    tokens.texts = 2
    for texts in (["a", "sort", "a"], ["list", "a"], ["sort", "lists have"], []):
        found, wanted = tokens(texts), tokenize(texts, bert)
        assert [ids.tolist() for ids in found] == [ids.tolist() for ids in wanted]


def test_pair_with_the_passage_first_is_refused() -> None:
    with pytest.raises(ValueError, match="does not frame pairs as special tokens"):
        PairLayout.of(words("<s> $B </s> $A </s>"))


def test_slow_tokenizer_is_refused() -> None:
    class Slow(PreTrainedTokenizerBase):
        is_fast = False

        def __init__(self) -> None:
            pass

    with pytest.raises(ValueError, match="Slow has no fast version"):
        PairLayout.of(Slow())

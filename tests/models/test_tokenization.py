"""Ids put together from stored tokens are those of `tokenizer(prompt + text)`."""

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import (
    Regex,
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from dr_lightning.models.ragged import ragged
from dr_lightning.models.tokenization import Side, TextFormat, Tokenization
from tests.training_runs import ENCODER

SENTENCES = [
    "Represent this sentence for searching relevant passages: how wings lift",
    "query: what is the speed of sound in water",
    "Instruct: find the passage that answers\nQuery: is tea older than coffee",
    "The café opened in 1987; it closed (for good) in 2012.",
    "def add(x, y):\n    return x + y  # the sum",
    "It's a wing, isn't it? They'll say: 'yes' -- or \"no\".",
    "Über die Brücke fährt ein Zug nach Köln.",
    "水の速さ と 音の速さ",
    "a = [1, 2, 3]; b = {'k': 4}",
    "3 ways to sort a list of 10,000 numbers",
] * 2
PROMPTS = (
    "",
    "query: ",
    "Represent this sentence for searching relevant passages: ",
    "Instruct: find the passage that answers\nQuery:",
    "query:",
    "search_query",
    "passage:  ",
)
LIMIT = 12


def _wordpiece() -> PreTrainedTokenizerFast:
    tokenizer: PreTrainedTokenizerFast = AutoTokenizer.from_pretrained(ENCODER)
    return tokenizer


def _trained(
    backend: Tokenizer, trainer: trainers.Trainer, frame: str
) -> PreTrainedTokenizerFast:
    backend.train_from_iterator(SENTENCES, trainer)
    ids = [(token, backend.token_to_id(token)) for token in ("<s>", "</s>")]
    backend.post_processor = processors.TemplateProcessing(
        single=frame, special_tokens=ids
    )
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>")


def _byte_level(frame: str = "<s> $A </s>") -> PreTrainedTokenizerFast:
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    return _trained(backend, trainer, frame)


def _metaspace() -> PreTrainedTokenizerFast:
    backend = Tokenizer(models.Unigram())
    backend.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=200,
        special_tokens=["<unk>", "<s>", "</s>"],
        unk_token="<unk>",
        show_progress=False,
    )
    return _trained(backend, trainer, "<s> $A </s>")


MAKERS = {
    "wordpiece": _wordpiece,
    "byte level": _byte_level,
    "byte level, end alone": lambda: _byte_level("$A </s>"),
    "byte level, bare": lambda: _byte_level("$A"),
    "metaspace": _metaspace,
}


@cache
def reference(name: str) -> PreTrainedTokenizerFast:
    return MAKERS[name]()


@cache
def tokenization(name: str, prompt: str) -> Tokenization:
    # A tokenizer of its own: truncation is a state that stays.
    formats = TextFormat(prompt, LIMIT), TextFormat("", LIMIT)
    return Tokenization(MAKERS[name](), *formats)


def assembled(ours: Tokenization, texts: list[str], side: Side) -> list[list[int]]:
    ids, mask = ours.ragged(texts, side).pad(np.arange(len(texts)), ours.framings[side])
    assert torch.equal(mask.sort(1, descending=True).values, mask)
    return [row[own].tolist() for row, own in zip(ids, mask, strict=True)]


def expected(name: str, prompt: str, text: str, most: int) -> list[int]:
    encoding = reference(name)(prompt + text, truncation=True, max_length=most)
    ids: list[int] = encoding["input_ids"]
    return ids


TEXTS = st.one_of(
    st.text(max_size=30),
    st.text(" \t\n'\":;.,!?()-_#'sdtlvrem09aé\u0301水", max_size=12),
    st.lists(st.sampled_from(" ".join(SENTENCES).split(" ")), max_size=40).map(
        " ".join
    ),
)


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("name", MAKERS)
@settings(max_examples=60, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
@example(texts=["", " ", "  two  spaces  ", "\n", "wing " * 300, "\u0301", "'s", "::"])
def test_ids_are_those_of_prompt_and_text_together(
    name: str, prompt: str, texts: list[str]
) -> None:
    ours = tokenization(name, prompt)
    framing = ours.framings["query"]
    most = framing.max_tokens + framing.overhead
    for text, found in zip(texts, assembled(ours, texts, "query"), strict=True):
        assert found == expected(name, prompt, text, most)
    for text, found in zip(texts, assembled(ours, texts, "passage"), strict=True):
        assert found == expected(name, "", text, LIMIT)

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
from transformers import AutoTokenizer, PreTrainedTokenizer, PreTrainedTokenizerFast

from dr_lightning.models.ragged import Framing, ragged
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
    tokenizer: PreTrainedTokenizerFast = AutoTokenizer.from_pretrained(ENCODER)  # type: ignore[assignment]
    return tokenizer


def _trained(
    backend: Tokenizer, trainer: trainers.Trainer, frame: str
) -> PreTrainedTokenizerFast:
    backend.train_from_iterator(SENTENCES, trainer)
    ids = [(token, backend.token_to_id(token)) for token in ("<s>", "</s>")]
    backend.post_processor = processors.TemplateProcessing(
        single=frame, special_tokens=ids
    )
    return PreTrainedTokenizerFast(tokenizer_object=backend)  # type: ignore[no-untyped-call]


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
        unk_token="<unk>",  # noqa: S106
        show_progress=False,
    )
    return _trained(backend, trainer, "<s> $A </s>")


@cache
def _saved(name: str) -> str:
    """Made once: a unigram vocabulary comes out in another order each time."""
    makers = {
        "wordpiece": _wordpiece,
        "byte level": _byte_level,
        "byte level, end alone": lambda: _byte_level("$A </s>"),
        "byte level, bare": lambda: _byte_level("$A"),
        "metaspace": _metaspace,
    }
    return makers[name]().backend_tokenizer.to_str()


NAMES = (
    "wordpiece",
    "byte level",
    "byte level, end alone",
    "byte level, bare",
    "metaspace",
)


def tokenizer(name: str) -> PreTrainedTokenizerFast:
    """A tokenizer of one's own: truncation is a state that stays."""
    backend = Tokenizer.from_str(_saved(name))
    return PreTrainedTokenizerFast(tokenizer_object=backend)  # type: ignore[no-untyped-call]


@cache
def reference(name: str) -> PreTrainedTokenizerFast:
    return tokenizer(name)


@cache
def tokenization(name: str, prompt: str) -> Tokenization:
    formats = TextFormat(prompt, LIMIT), TextFormat("", LIMIT)
    return Tokenization(tokenizer(name), *formats)


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
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None)
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


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("prompt", PROMPTS[:3])
def test_max_tokens_counts_special_tokens_and_not_the_prompt(
    name: str, prompt: str
) -> None:
    text = "wing speed " * 20
    # Behind the prompt's space, which may belong to the word.
    whole, bare = expected(name, prompt, "wing", 99), expected(name, "", " wing", 99)
    own = len(whole) - len(bare) if prompt else 0
    (found,) = assembled(tokenization(name, prompt), [text], "query")
    assert len(found) == LIMIT + own


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("prompt", PROMPTS[:3])
def test_the_position_limit_counts_all(name: str, prompt: str) -> None:
    formats = TextFormat(prompt, 500), TextFormat(None, 500)
    ours = Tokenization(tokenizer(name), *formats, position_limit=40)
    text = "wing speed " * 40
    for side, before in (("query", prompt), ("passage", "")):
        (found,) = assembled(ours, [text], side)  # type: ignore[arg-type]
        assert found == expected(name, before, text, 40)
        assert len(found) == 40


def test_a_tokenizer_that_would_cut_or_pad_is_kept_from_it() -> None:
    cutting = tokenizer("wordpiece")
    cutting("wing " * 9, truncation=True, max_length=4)
    cutting.backend_tokenizer.enable_padding(length=7)
    ours = Tokenization(cutting, TextFormat("", 64), TextFormat("", 64))
    assert [len(ids) for ids in ours.tokenize(["wing " * 9, "wing"], "query")] == [9, 1]


def test_formats_without_limits_have_those_of_the_method() -> None:
    ours = Tokenization(tokenizer("wordpiece"), TextFormat(), TextFormat())
    limits = {side: framing.max_tokens for side, framing in ours.framings.items()}
    assert limits == {"query": 62, "passage": 510}


def test_the_fingerprint_tells_what_changes_the_stored_ids() -> None:
    words, bytes_ = tokenizer("wordpiece"), tokenizer("byte level")

    def fingerprint(of: PreTrainedTokenizerFast, prompt: str, limit: int = 9) -> str:
        formats = TextFormat(prompt, limit), TextFormat("", 9)
        return Tokenization(of, *formats).fingerprint("query")

    # WordPiece stores the text alone; byte-pair stores the prompt's last space too.
    assert fingerprint(words, "") == fingerprint(words, "query: ", 64)
    assert fingerprint(bytes_, "") != fingerprint(bytes_, "query: ")
    assert fingerprint(words, "") != fingerprint(bytes_, "")


def test_padding_is_on_the_right_and_masked() -> None:
    framing = Framing(prefix=(101, 7), suffix=(102,), pad=0, max_tokens=2)
    ids, mask = ragged([[5], [], [8, 9, 10]]).pad(np.array([2, 0, 1]), framing)
    assert ids.tolist() == [
        [101, 7, 8, 9, 102],
        [101, 7, 5, 102, 0],
        [101, 7, 102, 0, 0],
    ]
    assert mask.sum(1).tolist() == [5, 4, 3]
    texts = ragged([[5], [], [8, 9, 10]])
    assert texts.padded_lengths(framing).tolist() == [4, 3, 5]
    kept = texts.take(np.array([2, 0]), 2)
    assert kept.lengths.tolist() == [2, 1]


def test_texts_without_any_token_are_framed() -> None:
    framing = Framing(prefix=(), suffix=(102,), pad=0, max_tokens=2)
    ids, mask = ragged([[], []]).pad(np.arange(2), framing)
    assert ids.tolist() == [[102], [102]]
    assert mask.all()


def test_limits_without_room_are_refused() -> None:
    with pytest.raises(ValueError, match="max_tokens must be at least 3, but got 2"):
        TextFormat(max_tokens=2)
    message = r"the prompt 'query: query: ' leaves no room .*\(the backbone takes 6\)"
    with pytest.raises(ValueError, match=message):
        Tokenization(
            tokenizer("wordpiece"), TextFormat("query: query: "), TextFormat(), 6
        )


class Slow(PreTrainedTokenizer):
    vocab_size = 0

    def get_vocab(self) -> dict[str, int]:
        return {}


def test_a_tokenizer_without_a_fast_version_is_refused() -> None:
    with pytest.raises(ValueError, match="Slow has no fast version; give a model"):
        Tokenization(Slow(), TextFormat(), TextFormat())  # type: ignore[no-untyped-call]


def test_a_frame_that_changes_the_text_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ids(self: Tokenization, text: str, *, special: bool = False) -> list[int]:
        return [1, 7, 2] if special else [5]

    monkeypatch.setattr(Tokenization, "_ids", ids)
    with pytest.raises(ValueError, match="changes a text's tokens with its frame"):
        Tokenization(tokenizer("wordpiece"), TextFormat(), TextFormat())

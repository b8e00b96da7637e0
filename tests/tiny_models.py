"""Tiny random language models on disk, with the tokenizers that real ones have.

Made in the tests. Weights are wide, so that different texts get clearly different
logits, and heads have a size that vLLM has kernels for on a CPU.
"""

import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from tokenizers.processors import TemplateProcessing
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
    T5Tokenizer,
)

from dr_lightning.generation.query_type import built_in_types, load_query_type

TEMPLATE = (
    "<s>{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
"""Starts with the token that the tokenizer itself adds too: a template that is
tokenised as if it were a plain text has it twice."""
REFUSES_SYSTEM = (  # as Gemma's template words it
    "{% if messages[0].role == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}" + TEMPLATE
)
OMITS_SYSTEM = TEMPLATE.replace(
    "for m in messages", "for m in messages if m.role != 'system'"
)
CHAT_TOKENS = ("<s>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
WORDS = "Query Document Relevant true false yes no how do i sort a list zip cancer cell"
# The split of Qwen's tokenizer: a line break joins the punctuation before it.
SPLIT = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+"
SIZES: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 32,
    "max_position_embeddings": 2048,
    "initializer_range": 0.25,
}


def save(kind: Any, config: Any, tokenizer: Any, folder: Path) -> Path:
    """Writes a random model and its tokenizer."""
    torch.manual_seed(13)
    model: PreTrainedModel = kind(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_llama(
    folder: Path, tokenizer: PreTrainedTokenizerBase, ends: int = 1, **settings: Any
) -> Path:
    """A chat model.

    Args:
        folder: Where to.
        tokenizer: `letter_tokenizer`, or `chat_tokenizer` for long prompts.
        ends: Tokens that end an answer, the last ones; 1 = the tokenizer's own.
        settings: Further ones, such as max_position_embeddings.
    """
    size = len(tokenizer)
    many = list(range(size - ends, size))
    config = LlamaConfig(
        vocab_size=size,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id if ends == 1 else many,
        **SIZES | settings,
    )
    return save(LlamaForCausalLM, config, tokenizer, folder)


def save_qwen(folder: Path, tokenizer: PreTrainedTokenizerBase | None = None) -> Path:
    """A decoder that may answer yes or no."""
    tokenizer = tokenizer or bpe_tokenizer(begins=False)
    config = Qwen3Config(vocab_size=len(tokenizer), tie_word_embeddings=True, **SIZES)
    return save(Qwen3ForCausalLM, config, tokenizer, folder)


def save_gemma(folder: Path) -> Path:
    """The same with a token at the beginning and capped logits."""
    tokenizer = bpe_tokenizer(begins=True)
    config = Gemma2Config(
        vocab_size=len(tokenizer),
        final_logit_softcapping=3.0,
        sliding_window=64,
        **SIZES,
    )
    return save(Gemma2ForCausalLM, config, tokenizer, folder)


def save_t5(folder: Path, tied: bool = True) -> Path:
    """A T5 of two layers; tied as in version 1.0 and monoT5, or not as in 1.1."""
    tokenizer = t5_tokenizer()
    config = T5Config(  # type: ignore[call-arg]
        vocab_size=len(tokenizer),
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        initializer_factor=1.0,
        tie_word_embeddings=tied,
        decoder_start_token_id=0,
        feed_forward_proj="relu" if tied else "gated-gelu",
    )
    return save(T5ForConditionalGeneration, config, tokenizer, folder)


def t5_tokenizer() -> PreTrainedTokenizerBase:
    """Unigram, with the entries that T5 leaves free."""
    pieces = [f"▁{word}" for word in WORDS.split()] + list(string.printable[:94])
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -4.0)]
    vocabulary += [(piece, -5.0) for piece in dict.fromkeys(pieces)]
    vocabulary += [(f"<extra_id_{row}>", 0.0) for row in range(99, -1, -1)]
    tokenizer: PreTrainedTokenizerBase = T5Tokenizer(vocabulary, model_max_length=512)
    return tokenizer


def bpe_tokenizer(begins: bool) -> PreTrainedTokenizerBase:
    """Byte-level BPE; `begins` puts a token ahead of every text."""
    special = ["<|pad|>", "<bos>", "<|im_start|>", "<|im_end|>"]
    texts = [f"{WORDS} Yes\nYes ok?\nyes\nno"] * 3
    backend = _bpe(texts, special, 400, SPLIT)
    if begins:
        _begin_with(backend, "<bos>")
    return _fast(backend, pad_token="<|pad|>", model_max_length=1024)  # noqa: S106


def chat_tokenizer(template: str | None = TEMPLATE) -> PreTrainedTokenizerBase:
    """Byte-level BPE that reads the prompts of the query types in few tokens."""
    kinds = [load_query_type(name) for name in built_in_types()]
    texts = [kind.system + kind.instruction for kind in kinds]
    texts += [e.passage + e.query for kind in kinds for e in kind.examples]
    return _for_chats(_bpe(texts, CHAT_TOKENS, 700), template)


def letter_tokenizer(template: str | None = TEMPLATE) -> PreTrainedTokenizerBase:
    """A token for each printable character and the newline: easy to count."""
    entries = ["<unk>", *CHAT_TOKENS, *string.printable[:95], "\n"]
    vocabulary = {entry: row for row, entry in enumerate(entries)}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))  # noqa: S106
    backend.pre_tokenizer = pre_tokenizers.Split(Regex("[\\s\\S]"), "isolated")
    backend.decoder = decoders.Fuse()
    return _for_chats(backend, template, unk_token="<unk>")  # noqa: S106


def _bpe(
    texts: Sequence[str], special: Sequence[str], size: int, split: str | None = None
) -> Tokenizer:
    backend = Tokenizer(models.BPE())
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=split is None)
    first = [pre_tokenizers.Split(Regex(split), "isolated")] if split else []
    backend.pre_tokenizer = pre_tokenizers.Sequence([*first, level])
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    return backend


def _begin_with(backend: Tokenizer, token: str) -> None:
    backend.post_processor = TemplateProcessing(
        single=f"{token} $A",
        pair=f"{token} $A $B",
        special_tokens=[(token, backend.token_to_id(token))],
    )


def _for_chats(
    backend: Tokenizer, template: str | None, **settings: Any
) -> PreTrainedTokenizerBase:
    _begin_with(backend, "<s>")
    return _fast(
        backend,
        bos_token="<s>",  # noqa: S106
        eos_token="<|end|>",  # noqa: S106
        additional_special_tokens=list(CHAT_TOKENS[2:]),
        chat_template=template,
        **settings,
    )


def _fast(backend: Tokenizer, **settings: Any) -> PreTrainedTokenizerBase:
    fast: Any = PreTrainedTokenizerFast  # untyped
    tokenizer: PreTrainedTokenizerBase = fast(tokenizer_object=backend, **settings)
    return tokenizer

"""Tiny random language models with the tokenizers that real rerankers have.

Made in the tests: a T5 with a Unigram tokenizer, a Qwen3 with byte-level BPE and a
Gemma 2 with a token at the beginning and capped logits. Weights are wide, so that
different texts get clearly different logits.
"""

import string
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers
from tokenizers.processors import TemplateProcessing
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
    T5Tokenizer,
)

WORDS = "Query Document Relevant true false yes no how do i sort a list zip cancer cell"
# The split of Qwen's tokenizer: a line break joins the punctuation before it.
SPLIT = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+"
WIDTH = 0.25  # standard deviation of the random weights


def save(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path
) -> Path:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def t5_tokenizer() -> PreTrainedTokenizerBase:
    pieces = [f"▁{word}" for word in WORDS.split()] + list(string.printable[:94])
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -4.0)]
    vocabulary += [(piece, -5.0) for piece in dict.fromkeys(pieces)]
    vocabulary += [(f"<extra_id_{row}>", 0.0) for row in range(99, -1, -1)]
    tokenizer: PreTrainedTokenizerBase = T5Tokenizer(vocabulary, model_max_length=512)
    return tokenizer


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
    torch.manual_seed(13)
    model = T5ForConditionalGeneration(config)
    return save(model, tokenizer, folder)


def bpe_tokenizer(begins: bool) -> PreTrainedTokenizerBase:
    """Byte-level BPE; `begins` puts a token ahead of every text."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    special = ["<|pad|>", "<bos>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator([f"{WORDS} Yes\nYes ok?\nyes\nno"] * 3, trainer)
    if begins:
        row = backend.token_to_id("<bos>")
        backend.post_processor = TemplateProcessing(
            single="<bos> $A", pair="<bos> $A $B", special_tokens=[("<bos>", row)]
        )
    tokenizer: PreTrainedTokenizerBase = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=backend,
        pad_token="<|pad|>",  # noqa: S106
        model_max_length=1024,
    )
    return tokenizer


def save_qwen(folder: Path) -> Path:
    tokenizer = bpe_tokenizer(begins=False)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=1024,
        initializer_range=WIDTH,
        tie_word_embeddings=True,
    )
    torch.manual_seed(13)
    model = Qwen3ForCausalLM(config)  # type: ignore[no-untyped-call]
    return save(model, tokenizer, folder)


def save_gemma(folder: Path) -> Path:
    tokenizer = bpe_tokenizer(begins=True)
    config = Gemma2Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=1024,
        initializer_range=WIDTH,
        final_logit_softcapping=3.0,
        sliding_window=64,
    )
    torch.manual_seed(13)
    model = Gemma2ForCausalLM(config)  # type: ignore[no-untyped-call]
    return save(model, tokenizer, folder)

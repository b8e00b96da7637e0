"""A tiny random chat model on disk, for engines that write with a language model."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from dr_lightning.generation.query_type import built_in_types, load_query_type

TEMPLATE = (
    "{{ bos_token }}"
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
REFUSES_SYSTEM = (
    "{% if messages[0].role == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}" + TEMPLATE
)


def write_chat_model(
    folder: Path, template: str | None = TEMPLATE, ends: int = 40, **settings: Any
) -> Path:
    """Writes a random Llama of two layers, with a byte-level BPE tokenizer.

    Args:
        folder: Where to.
        template: Its chat template; null = none.
        ends: Tokens that end an answer. With 40 of 700, a random model ends one after
            some ten tokens.
        settings: Further ones of the Llama, such as max_position_embeddings.
    """
    tokenizer = _tokenizer(template)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.25,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=None,
        **{"max_position_embeddings": 2048} | settings,
    )
    llama: Any = LlamaForCausalLM  # untyped
    model = llama(config)
    last = len(tokenizer)
    model.generation_config.eos_token_id = list(range(last - ends, last))
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    return folder


def _tokenizer(template: str | None) -> Any:
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    special = ["<s>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    kinds = [load_query_type(name) for name in built_in_types()]
    texts = [kind.system + kind.instruction for kind in kinds]
    texts += [e.passage + e.query for kind in kinds for e in kind.examples]
    backend.train_from_iterator(texts, trainer)
    fast: Any = PreTrainedTokenizerFast  # untyped
    return fast(
        tokenizer_object=backend,
        bos_token="<s>",  # noqa: S106
        eos_token="<|end|>",  # noqa: S106
        chat_template=template,
    )

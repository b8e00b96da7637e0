"""A chat model of transformers: prompts in token ids, shared beginnings, answers."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from transformers import AutoModelForCausalLM, GenerationConfig
from transformers.cache_utils import DynamicCache, DynamicLayer

from dr_lightning.generation.chat import prompt_ids
from dr_lightning.generation.cleaning import first_line
from dr_lightning.generation.decoding import LineEnd, SampleRows, line_breaks
from dr_lightning.generation.engine import Answer, Message
from dr_lightning.generation.sampling import Sampling
from dr_lightning.models.device import Precision, pick_device, warn_of_slow_bf16
from dr_lightning.models.encoder import position_limit
from dr_lightning.models.pretrained import load_model, load_tokenizer


class ChatModel:
    """Tokenizer and model.

    Args:
        model: A model folder, a hub name, or `package:NAME/FOLDER`.
        precision: Of the weights.
        device: See `pick_device`.
        trust_remote_code: Whether to run code that comes with the model.

    Raises:
        ValueError: If the tokenizer has no chat template, or weights are missing.
    """

    def __init__(
        self, model: str, precision: Precision, device: str, trust_remote_code: bool
    ) -> None:
        self.device = pick_device(device)
        self.tokenizer: Any = load_tokenizer(model, trust_remote_code)
        if not self.tokenizer.chat_template:
            msg = (
                f"{model!r} has no chat template, so it does not know a chat. Give a "
                "model that was trained to follow instructions."
            )
            raise ValueError(msg)
        if precision == "bf16":
            warn_of_slow_bf16(self.device)
        loaded = load_model(
            AutoModelForCausalLM,
            model,
            "a causal language model",
            torch.bfloat16 if precision == "bf16" else torch.float32,
            trust_remote_code,
        )
        self.ends = _ends(self.tokenizer, loaded)
        self.pad = next(
            (i for i in (self.tokenizer.pad_token_id, *self.ends) if i is not None), 0
        )
        # Nothing but what is asked for: models bring sampling settings of their own.
        plain: Any = GenerationConfig
        loaded.generation_config = plain(
            do_sample=False, eos_token_id=self.ends or None, pad_token_id=self.pad
        )
        self.model = loaded.eval().to(self.device)
        config = loaded.config.get_text_config()
        self.context = position_limit(config, self.tokenizer.model_max_length)
        self.breaks = line_breaks(self.tokenizer, config.vocab_size)
        self.breaks = self.breaks.to(self.device)

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of a chat, ready for the answer.

        Args:
            messages: As `ChatRoom` makes them.
        """
        return prompt_ids(self.tokenizer, messages, {})

    def count(self, text: str) -> int:
        """Tokens of a text, without special ones."""
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    @torch.inference_mode()
    def read(self, ids: Sequence[int]) -> DynamicCache | None:
        """Keys and values of what several prompts begin with.

        Args:
            ids: At least one.

        Returns:
            None for a model whose cache keeps a window or a state only: rows of unlike
            length cannot go on from it.
        """
        row = torch.tensor([ids], device=self.device)
        cache = self.model.base_model(row, use_cache=True).past_key_values
        layers = getattr(cache, "layers", [])
        plain = type(cache) is DynamicCache and layers
        return cache if plain and all(type(x) is DynamicLayer for x in layers) else None

    @torch.inference_mode()
    def write(
        self,
        prompts: Sequence[Sequence[int]],
        seeds: Sequence[int],
        sampling: Sampling,
        cache: DynamicCache | None = None,
    ) -> list[Answer]:
        """Answers to a batch.

        Args:
            prompts: Token ids.
            seeds: One a prompt.
            sampling: How tokens are drawn.
            cache: What `read` gave for the beginning of all prompts.
        """
        shared = 0 if cache is None else cache.get_seq_length()
        width = max(map(len, prompts))
        # Padding stands between the shared beginning and what is each row's own.
        gaps = [[0] * (width - len(prompt)) for prompt in prompts]
        rows = [
            [*prompt[:shared], *(self.pad for _ in gap), *prompt[shared:]]
            for prompt, gap in zip(prompts, gaps, strict=True)
        ]
        masks = [[1] * shared + gap + [1] * (width - shared - len(gap)) for gap in gaps]
        options: dict[str, Any] = {}
        if cache is not None:
            options["past_key_values"] = copy.deepcopy(cache)
            options["past_key_values"].batch_repeat_interleave(len(prompts))
        if sampling.temperature:
            draws = SampleRows(seeds, sampling, self.device)
            options["logits_processor"] = [draws]
        written = self.model.generate(
            torch.tensor(rows, device=self.device),
            attention_mask=torch.tensor(masks, device=self.device),
            max_new_tokens=sampling.max_tokens,
            stopping_criteria=[LineEnd(self.tokenizer, self.breaks, width)],
            **options,
        )
        answers = written[:, width:].tolist()
        return [
            self._answer(ids, len(prompt), sampling.max_tokens)
            for ids, prompt in zip(answers, prompts, strict=True)
        ]

    def _answer(self, ids: list[int], prompt: int, limit: int) -> Answer:
        marks = [at for at, token in enumerate(ids) if token in {*self.ends, self.pad}]
        own = ids[: marks[0]] if marks else ids
        text = self.tokenizer.decode(own, skip_special_tokens=True)
        complete = bool(marks) or len(ids) < limit or first_line(text).ended
        return Answer(text, complete, prompt_tokens=prompt, tokens=len(own))


def _ends(tokenizer: Any, model: Any) -> list[int]:
    told = model.generation_config.eos_token_id
    ends = told if isinstance(told, list) else [told]
    return sorted({end for end in (*ends, tokenizer.eos_token_id) if end is not None})

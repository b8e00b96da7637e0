"""Encoder-decoder teachers: one decoder step, no generation."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoModelForSeq2SeqLM

from dr_lightning.models.pretrained import load_model, load_tokenizer
from dr_lightning.models.teachers.answers import Answers
from dr_lightning.models.teachers.prompt import Prompt, PromptTokens
from dr_lightning.models.teachers.running import Running


class FirstStep:
    """The logits of an encoder-decoder's first step, as monoT5 and RankT5 use them.

    The encoder reads the prompt, the decoder its start token alone. Weights are
    float32: T5's activations overflow float16, and its weights lose by bfloat16.

    Args:
        model: A model folder, a hub name, or `package:NAME/FOLDER`.
        prompt: Template and answers.
        running: Lengths, precision and device.
        kind: Name of the teacher's class.

    Raises:
        ValueError: If the model has no decoder, weights are missing, or something does
            not fit the tokenizer.
    """

    def __init__(self, model: str, prompt: Prompt, running: Running, kind: str) -> None:
        tokenizer = load_tokenizer(model)
        loaded = load_model(
            AutoModelForSeq2SeqLM, model, "an encoder-decoder with an output layer"
        )
        tokens = PromptTokens(prompt, tokenizer, ends=True)
        self.answers = Answers(loaded, tokenizer, tokens, running, kind, model)
        self.start = loaded.config.decoder_start_token_id
        self.fingerprint = self.answers.fingerprint

    def score(
        self, queries: Sequence[str], passages: Sequence[str], pairs: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Scores pairs; see `Teacher.score`."""
        return self.answers.score(self._answer, queries, passages, pairs)

    def _answer(
        self, ids: Int[Tensor, "pair token"], mask: Bool[Tensor, "pair token"]
    ) -> Float[Tensor, "pair answer"]:
        device = self.answers.running.place
        start = torch.full((len(ids), 1), self.start, device=device)
        output = self.answers.model(
            input_ids=ids.to(device, non_blocking=True),
            attention_mask=mask.long().to(device, non_blocking=True),
            decoder_input_ids=start,
            use_cache=False,
        )
        logits: Tensor = output.logits[:, 0]
        return logits

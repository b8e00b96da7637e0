"""Decoder rerankers: a causal language model that is asked for yes or no."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoModelForCausalLM

from dr_lightning.models.device import Precision, pick_device, warn_of_slow_bf16
from dr_lightning.models.pretrained import load_model, load_tokenizer
from dr_lightning.models.teachers.answers import Answers, settings
from dr_lightning.models.teachers.prompt import Prompt, PromptTokens
from dr_lightning.models.teachers.running import Running
from dr_lightning.models.teachers.teacher import Teacher


class DecoderReranker(Teacher):
    """Scores a pair by the logits with which a causal language model says yes or no.

    Prompts of known rerankers (Qwen3-Reranker, bge-reranker-v2-gemma) lie in
    `configs/teacher/`. The prompt is read once; the score is taken at its last token.
    Rows are filled up on the right, behind that token, whatever the tokenizer's own
    side of padding is: no token looks ahead, so none sees the filling. Only the
    passage is cut, never what stands around it.

    Args:
        model: A model folder, a hub name, or `package:NAME/FOLDER`.
        prompt: Template and the tokens that mean yes and no.
        max_tokens: Tokens of a prompt, instructions counted. 512, as in arXiv
            2502.19712.
        batch_tokens: Padded tokens a micro-batch; null = 2,048 on a CPU, 65,536 on a
            GPU. Changes speed and memory, not scores beyond rounding.
        precision: "32"; "bf16" for matrix products in bfloat16; or "bf16-true" for
            weights in bfloat16 too, half the memory of a large model. The last layer
            is computed in float32 in any case.
        device: "auto" (a GPU where there is one), "cpu", "cuda", "cuda:1" and so on.
        trust_remote_code: Whether to run code that comes with the model.

    Raises:
        ValueError: If weights are missing, a token is not in the vocabulary, or
            `max_tokens` does not fit the prompt or the model.
    """

    def __init__(
        self,
        model: str,
        prompt: Prompt,
        max_tokens: int = 512,
        batch_tokens: int | None = None,
        precision: Literal["32", "bf16", "bf16-true"] = "32",
        device: str = "auto",
        trust_remote_code: bool = False,
    ) -> None:
        if precision == "bf16-true":
            warn_of_slow_bf16(pick_device(device))
        tokenizer = load_tokenizer(model, trust_remote_code)
        loaded = load_model(
            AutoModelForCausalLM,
            model,
            "a causal language model",
            torch.bfloat16 if precision == "bf16-true" else torch.float32,
            trust_remote_code,
        )
        products: Precision = "bf16" if precision == "bf16" else "32"
        running = Running(max_tokens, batch_tokens, products, device)
        tokens = PromptTokens(prompt, tokenizer, ends=False)
        self.settings = settings(Path(model).name, prompt, max_tokens, precision)
        self._answers = Answers(
            loaded, tokenizer, tokens, running, "DecoderReranker", model
        )
        self.fingerprint = self._answers.fingerprint

    def score(
        self,
        queries: Sequence[str],
        passages: Sequence[str],
        pairs: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """Scores pairs; see `Teacher.score`."""
        return self._answers.score(self._answer, queries, passages, pairs)

    def _answer(
        self, ids: Int[Tensor, "pair token"], mask: Bool[Tensor, "pair token"]
    ) -> Float[Tensor, "pair answer"]:
        device = self._answers.running.place
        last = mask.sum(dim=1) - 1
        first = int(last.min())  # logits are only computed from here on
        output = self._answers.model(
            input_ids=ids.to(device, non_blocking=True),
            logits_to_keep=ids.shape[1] - first,
            use_cache=False,
        )
        rows = torch.arange(len(ids), device=device)
        logits: Tensor = output.logits[rows, (last - first).to(device)]
        return logits

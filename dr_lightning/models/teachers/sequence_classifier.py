"""A cross-encoder teacher: any Hugging Face sequence classifier over text pairs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoModelForSequenceClassification

from dr_lightning.models.device import Precision
from dr_lightning.models.identity import model_fingerprint
from dr_lightning.models.pretrained import load_model, load_tokenizer
from dr_lightning.models.teachers.pair_tokens import PairLayout, PairTokens, token_cache
from dr_lightning.models.teachers.running import SHORTEST, Float32, Running
from dr_lightning.models.teachers.scorer import score_pairs
from dr_lightning.models.teachers.teacher import Teacher
from dr_lightning.models.weights import locate


class SequenceClassifier(Teacher):
    """Scores a pair by the logit of a sequence classifier (a cross-encoder).

    With one logit z the score is z. With two, it is the relevance logit minus the
    other: the log-odds of relevance, the scale of a one-logit model; the relevance
    logit alone would rank differently. Each text is tokenised once, and pairs are
    sorted by length and cut by token budget over all queries of a call.

    The head is computed in float32 also under bf16: eight bits of mantissa on the last
    number would tie passages that the model tells apart.

    Args:
        model: A model folder, a hub name, or `package:NAME/FOLDER`.
        relevance_logit: Which logit means relevant, counted as Python does; -1 is the
            only one, or the second of two.
        max_tokens: Tokens of a pair, special tokens counted; only the passage is cut.
            512, as in arXiv 2502.19712.
        batch_tokens: Padded tokens a micro-batch; null = 2,048 on a CPU, 65,536 on a
            GPU. Changes speed and memory, not scores beyond rounding.
        precision: "32", or "bf16" for matrix products in bfloat16.
        device: "auto" (a GPU where there is one), "cpu", "cuda", "cuda:1" and so on.
        trust_remote_code: Whether to run code that comes with the model.

    Raises:
        ValueError: If the model has not one or two logits, `relevance_logit` names none
            of them, `max_tokens` does not fit the model, weights are missing, or the
            tokenizer frames pairs in a way of its own.
    """

    def __init__(
        self,
        model: str,
        relevance_logit: int = -1,
        max_tokens: int = 512,
        batch_tokens: int | None = None,
        precision: Precision = "32",
        device: str = "auto",
        trust_remote_code: bool = False,
    ) -> None:
        self.relevance_logit: int = relevance_logit
        self.settings = {
            "model": Path(model).name,  # the folder's place is this machine's business
            "relevance_logit": relevance_logit,
            "max_tokens": max_tokens,
            "precision": precision,
        }
        self.running = Running(max_tokens, batch_tokens, precision, device)
        self.tokenizer = load_tokenizer(model, trust_remote_code)
        self.layout = PairLayout.of(self.tokenizer)
        self.tokens = token_cache(self.tokenizer)
        self.model = load_model(
            AutoModelForSequenceClassification,
            model,
            "a sequence classifier",
            trust_remote_code=trust_remote_code,
        )
        self._check_logits(model)
        self.running.check(model, self.model.config, self.tokenizer, SHORTEST)
        shaping = (relevance_logit, max_tokens, precision)
        self.fingerprint = model_fingerprint(locate(model), shaping)
        _keep_head_in_float32(self.model)
        self.model.to(self.running.place)

    def score(
        self,
        queries: Sequence[str],
        passages: Sequence[str],
        pairs: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """Scores pairs; see `Teacher.score`."""
        tokens = PairTokens(
            self.layout,
            self.tokens(queries),
            self.tokens(passages),
            pairs,
            self.running.max_tokens,
        )
        return score_pairs(tokens, self._logits, self.running)

    def _logits(
        self,
        ids: Int[Tensor, "pair token"],
        mask: Bool[Tensor, "pair token"],
        types: Int[Tensor, "pair token"],
    ) -> Float[Tensor, " pair"]:
        inputs = {"input_ids": ids, "attention_mask": mask.long()}
        if "token_type_ids" in self.tokenizer.model_input_names:
            inputs["token_type_ids"] = types
        device = self.running.place
        moved = {
            name: value.to(device, non_blocking=True) for name, value in inputs.items()
        }
        logits: Tensor = self.model(**moved).logits.float()
        relevant = logits[:, self.relevance_logit]
        if logits.shape[1] == 1:
            return relevant
        return 2 * relevant - logits.sum(dim=1)  # the relevance logit minus the other

    def _check_logits(self, model: str) -> None:
        labels = self.model.config.num_labels
        if labels not in (1, 2):
            msg = (
                f"{model!r} has {labels} logits; a sequence classifier that judges "
                "relevance has one or two. Give another model."
            )
            raise ValueError(msg)
        if not -labels <= self.relevance_logit < labels:
            msg = (
                f"relevance_logit must name one of the {labels} logits of {model!r}, "
                f"but got {self.relevance_logit}. -1 is the last."
            )
            raise ValueError(msg)


def _keep_head_in_float32(model: Any) -> None:
    """Wraps whatever a classifier puts on top of its backbone, BERT's pooler too."""
    backbone = model.base_model
    for name, child in list(model.named_children()):
        if child is not backbone:
            setattr(model, name, Float32(child))
    if getattr(backbone, "pooler", None) is not None:
        backbone.pooler = Float32(backbone.pooler)

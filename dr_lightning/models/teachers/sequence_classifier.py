"""A cross-encoder teacher: any Hugging Face sequence classifier over text pairs."""

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from dr_lightning.models.encoder import position_limit
from dr_lightning.models.encoding import (
    BATCH_TOKENS,
    Precision,
    autocast,
    pick_device,
)
from dr_lightning.models.micro_batch import micro_batches
from dr_lightning.models.teachers.pair_tokens import PairLayout, PairTokens, tokenize
from dr_lightning.models.teachers.teacher import Teacher
from dr_lightning.models.weights import locate

logger = logging.getLogger(__name__)

# Where and by which version the files were written: no matter for a score.
IGNORED = ("_name_or_path", "transformers_version")
SHORTEST = 16  # tokens: a shorter pair says nothing


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
        batch_tokens: Padded tokens a micro-batch: about 4,096 on a CPU, 65,536 and
            more on a GPU. Changes speed and memory, not scores beyond rounding.
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
        batch_tokens: int = BATCH_TOKENS,
        precision: Precision = "32",
        device: str = "auto",
        trust_remote_code: bool = False,
    ) -> None:
        self.max_tokens, self.batch_tokens = max_tokens, batch_tokens
        self.relevance_logit: int = relevance_logit
        self.precision: Precision = precision
        self.settings = {
            "model": Path(model).name,  # the folder's place is this machine's business
            "relevance_logit": relevance_logit,
            "max_tokens": max_tokens,
            "precision": precision,
        }
        self.device = pick_device(device)
        self.tokenizer = AutoTokenizer.from_pretrained(
            locate(model), trust_remote_code=trust_remote_code
        )
        self.layout = PairLayout.of(self.tokenizer)
        self.model = _load(locate(model), trust_remote_code)
        self._check(model)
        self.fingerprint = self._fingerprint()
        _keep_head_in_float32(self.model)
        self.model.eval().to(self.device)

    def score(
        self,
        queries: Sequence[str],
        passages: Sequence[str],
        pairs: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """Scores pairs; see `Teacher.score`."""
        tokens = PairTokens(
            self.layout,
            tokenize(queries, self.tokenizer),
            tokenize(passages, self.tokenizer),
            pairs,
            self.max_tokens,
        )
        if tokens.cut_queries:
            logger.warning("cut %d queries: too long for a pair", tokens.cut_queries)
        scores = torch.empty(len(pairs), dtype=torch.float32, device=self.device)
        with torch.inference_mode(), autocast(self.device, self.precision):
            for rows in micro_batches(tokens.lengths, self.batch_tokens):
                logits = self._logits(*tokens.batch(rows))
                scores[torch.from_numpy(rows).to(self.device)] = logits
        return scores.cpu().numpy()

    def _logits(self, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        inputs = {"input_ids": ids, "attention_mask": mask.long()}
        if "token_type_ids" in self.tokenizer.model_input_names:
            inputs["token_type_ids"] = types
        moved = {
            name: value.to(self.device, non_blocking=True)
            for name, value in inputs.items()
        }
        logits: Tensor = self.model(**moved).logits.float()
        relevant = logits[:, self.relevance_logit]
        if logits.shape[1] == 1:
            return relevant
        return 2 * relevant - logits.sum(dim=1)  # the relevance logit minus the other

    def _check(self, model: str) -> None:
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
        limit = position_limit(self.model.config, self.tokenizer.model_max_length)
        if not SHORTEST <= self.max_tokens <= (limit or self.max_tokens):
            msg = (
                f"max_tokens must be from {SHORTEST} to {limit}, what {model!r} takes, "
                f"but got {self.max_tokens}."
            )
            raise ValueError(msg)
        if self.batch_tokens < 1:
            msg = f"batch_tokens must be at least 1, but got {self.batch_tokens}."
            raise ValueError(msg)

    def _fingerprint(self) -> str:
        shaping = (self.relevance_logit, self.max_tokens, self.precision)
        digest = hashlib.sha256(repr(shaping).encode())
        digest.update(self.tokenizer.backend_tokenizer.to_str().encode())
        config = self.model.config.to_diff_dict()
        told = {key: config[key] for key in sorted(config) if key not in IGNORED}
        digest.update(repr(told).encode())
        for name, weight in self.model.state_dict().items():
            digest.update(name.encode())
            digest.update(weight.contiguous().view(-1).view(torch.uint8).numpy())
        return digest.hexdigest()[:16]


class Float32(nn.Module):
    """Runs a module in float32, whatever autocast is on around it.

    Args:
        module: A module with float32 weights.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: Tensor) -> Any:
        """Widens the inputs and runs the module without autocast."""
        with torch.autocast(inputs[0].device.type, enabled=False):
            return self.module(*(value.float() for value in inputs))


def _keep_head_in_float32(model: Any) -> None:
    """Wraps whatever a classifier puts on top of its backbone, BERT's pooler too."""
    backbone = model.base_model
    for name, child in list(model.named_children()):
        if child is not backbone:
            setattr(model, name, Float32(child))
    if getattr(backbone, "pooler", None) is not None:
        backbone.pooler = Float32(backbone.pooler)


def _load(folder: str, trust_remote_code: bool) -> Any:
    model, report = AutoModelForSequenceClassification.from_pretrained(
        folder,
        dtype=torch.float32,
        trust_remote_code=trust_remote_code,
        output_loading_info=True,
    )
    if report["missing_keys"]:
        first = sorted(report["missing_keys"])[0]
        msg = (
            f"the weights of {folder!r} lack {len(report['missing_keys'])} parameters "
            f"of a sequence classifier, {first!r} among them: they would be random. "
            "Give a model that was trained to judge pairs."
        )
        raise ValueError(msg)
    return model

"""The teacher that runs a classifier or decoder reranker in vLLM, in this process."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import AutoConfig, AutoTokenizer

from dr_lightning.models.encoder import position_limit
from dr_lightning.models.teachers.pair_tokens import PairLayout, PairTokens, tokenize
from dr_lightning.models.teachers.prompt import Prompt, PromptTokens
from dr_lightning.models.teachers.teacher import Teacher
from dr_lightning.models.vllm_runtime import (
    DEFAULT_RUNTIME,
    Dtype,
    VLLMRuntime,
    import_vllm,
    vllm_fingerprint,
)
from dr_lightning.models.weights import locate

logger = logging.getLogger(__name__)

SHORTEST = 16  # tokens: a shorter pair says nothing
CLASSIFIER, DECODER = "ForSequenceClassification", "ForCausalLM"


class VLLMScore(Teacher):
    """Scores a pair by raw logits of a classifier or a decoder reranker in vLLM.

    The same scores as `SequenceClassifier` and `DecoderReranker`, for machines whose
    GPUs vLLM fills better: it gets token ids, cut in the same way, and gives the logits
    without its sigmoid. vLLM computes the head in float32 whatever `dtype` says. The
    model is loaded at the first pair.

    Of a decoder that answers yes or no, vLLM makes a classifier whose weights are the
    difference of these tokens' rows.

    Args:
        model: A model folder, a hub name, or `package:NAME/FOLDER`.
        relevance_logit: Which of two logits means relevant, counted as Python does;
            the other one is subtracted. Of no matter with `prompt`.
        max_tokens: Tokens of a pair, special tokens counted; only the passage is cut.
            512, as in arXiv 2502.19712.
        dtype: Of weights and activations.
        revision: Branch, tag or commit of a hub name; null = its main branch.
        runtime: GPUs and memory.
        prompt: Of a decoder reranker: template and answers, see `configs/teacher/`;
            null = the model is a sequence classifier.

    Raises:
        ValueError: If vLLM is not installed, the model is no classifier with one or two
            logits and no decoder with a prompt, or `max_tokens` or `relevance_logit`
            does not fit it.
    """

    def __init__(
        self,
        model: str,
        relevance_logit: int = -1,
        max_tokens: int = 512,
        dtype: Dtype = "float32",
        revision: str | None = None,
        runtime: VLLMRuntime = DEFAULT_RUNTIME,
        prompt: Prompt | None = None,
    ) -> None:
        import_vllm()
        self._folder, self._revision = locate(model), revision
        self._relevance_logit, self._max_tokens = relevance_logit, max_tokens
        self._dtype, self._runtime, self._prompt = dtype, runtime, prompt
        trust = runtime.trust_remote_code
        self._tokenizer = AutoTokenizer.from_pretrained(
            self._folder, revision=revision, trust_remote_code=trust
        )
        config = AutoConfig.from_pretrained(
            self._folder, revision=revision, trust_remote_code=trust
        )
        self._check(model, config)
        self._overrides = {} if prompt is None else _as_classifier(config, prompt)
        told: dict[str, str | int] = {
            "model": Path(model).name,  # the folder's place is this machine's business
            "relevance_logit": relevance_logit,
            "max_tokens": max_tokens,
            "dtype": dtype,
        }
        self.settings = told | ({} if prompt is None else asdict(prompt))
        self.fingerprint = vllm_fingerprint(self._folder, revision, self.settings)
        self._llm: Any = None

    def score(
        self,
        queries: Sequence[str],
        passages: Sequence[str],
        pairs: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """Scores pairs; see `Teacher.score`."""
        if not len(pairs):
            return np.empty(0, dtype=np.float32)
        tokens = self._tokens(queries, passages, pairs)
        if tokens.cut_queries:
            logger.warning("cut %d queries: too long for a pair", tokens.cut_queries)
        prompts, params = zip(*self._prompts(tokens), strict=True)
        outputs = self._loaded().encode(
            list(prompts), list(params), pooling_task="classify", use_tqdm=False
        )
        logits = np.stack([output.outputs.data.numpy() for output in outputs])
        scores: NDArray[np.float32] = logits[:, self._relevance_logit]
        if logits.shape[1] == 2:  # the relevance logit minus the other
            scores = 2 * scores - logits.sum(axis=1)
        return scores

    def _tokens(
        self,
        queries: Sequence[str],
        passages: Sequence[str],
        pairs: NDArray[np.int64],
    ) -> PairTokens:
        if self._prompt is not None:
            made = PromptTokens(self._prompt, self._tokenizer, ends=False)
            return made.pairs(queries, passages, pairs, self._max_tokens)
        return PairTokens(
            PairLayout.of(self._tokenizer),
            tokenize(queries, self._tokenizer),
            tokenize(passages, self._tokenizer),
            pairs,
            self._max_tokens,
        )

    def _prompts(self, tokens: PairTokens) -> Iterator[tuple[dict[str, Any], Any]]:
        params = import_vllm().PoolingParams
        typed = "token_type_ids" in self._tokenizer.model_input_names
        for row in range(len(tokens.lengths)):
            ids, _, types = tokens.batch(np.array([row]))
            # As vLLM's own `score` tells token types: the place of the first 1.
            told = {"compressed_token_type_ids": int((types == 0).sum())}
            yield (
                {"prompt_token_ids": ids[0].tolist()},
                params(use_activation=False, extra_kwargs=told if typed else None),
            )

    def _loaded(self) -> Any:
        if self._llm is None:
            self._llm = import_vllm().LLM(
                model=self._folder,
                revision=self._revision,
                tokenizer_revision=self._revision,
                runner="pooling",
                dtype=self._dtype,
                max_model_len=self._max_tokens,
                hf_overrides=self._overrides,
                **self._runtime.arguments(),
            )
        return self._llm

    def _check(self, model: str, config: Any) -> None:
        names = config.architectures or ["no architecture"]
        if self._prompt is not None and not names[0].endswith(DECODER):
            msg = (
                f"a prompt is for a decoder reranker, but {model!r} is {names[0]}. "
                "Leave the prompt out."
            )
            raise ValueError(msg)
        classifies = names[0].endswith(CLASSIFIER) and config.num_labels in (1, 2)
        if self._prompt is None and not classifies:
            msg = (
                f"{model!r} must be a sequence classifier with one or two logits, but "
                f"is {names[0]} with {config.num_labels}. Give a model that was "
                "trained to judge pairs, or a decoder reranker with its prompt."
            )
            raise ValueError(msg)
        if not -config.num_labels <= self._relevance_logit < config.num_labels:
            msg = (
                f"relevance_logit must name one of the {config.num_labels} logits of "
                f"{model!r}, but got {self._relevance_logit}. -1 is the last."
            )
            raise ValueError(msg)
        limit = position_limit(config, self._tokenizer.model_max_length)
        made = self._prompt and PromptTokens(self._prompt, self._tokenizer, ends=False)
        least = made.least if made else SHORTEST
        if not least <= self._max_tokens <= (limit or self._max_tokens):
            msg = (
                f"max_tokens must be from {least} to {limit}, what {model!r} takes, "
                f"but got {self._max_tokens}."
            )
            raise ValueError(msg)


def _as_classifier(config: Any, prompt: Prompt) -> dict[str, Any]:
    """What makes vLLM take a decoder for a classifier with one logit."""
    name = config.architectures[0].removesuffix(DECODER) + CLASSIFIER
    answers = [token for token in (prompt.other, prompt.relevant) if token is not None]
    method = "from_2_way_softmax" if len(answers) == 2 else "no_post_processing"
    return {
        "architectures": [name],
        "classifier_from_token": answers,
        "method": method,
        "num_labels": 1,
    }

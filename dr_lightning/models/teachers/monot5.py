"""monoT5: an encoder-decoder that says whether a passage is relevant."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dr_lightning.models.device import Precision
from dr_lightning.models.teachers.answers import settings
from dr_lightning.models.teachers.prompt import Prompt
from dr_lightning.models.teachers.running import Running
from dr_lightning.models.teachers.t5 import FirstStep
from dr_lightning.models.teachers.teacher import Teacher

TEMPLATE = "Query: {query} Document: {passage} Relevant:"


class MonoT5(Teacher):
    """Scores a pair by how much rather monoT5 says "true" than "false".

    score = logit(true) - logit(false) at the first decoder step: the log-odds of
    relevance. The paper ranks by log softmax of the two, which is log sigmoid of this
    score: the same order, but with the best passages pressed together under 0. The
    closing "Relevant:" is never cut, only the passage is.
    Reference: https://aclanthology.org/2020.findings-emnlp.63/

    Args:
        model: A model folder, a hub name such as `castorini/monot5-base-msmarco-10k`,
            or `package:NAME/FOLDER`.
        relevant: What the model says of a relevant passage; some multilingual
            ones say `▁yes`.
        other: What it says of any other; `▁no` goes with `▁yes`.
        max_tokens: Tokens of a prompt. 512, as in arXiv 2502.19712.
        batch_tokens: Padded tokens a micro-batch; null = 2,048 on a CPU, 65,536 on a
            GPU. Changes speed and memory, not scores beyond rounding.
        precision: "32", or "bf16" for matrix products in bfloat16; weights stay in
            float32, and the last layer is computed so.
        device: "auto" (a GPU where there is one), "cpu", "cuda", "cuda:1" and so on.

    Raises:
        ValueError: If the model has no decoder, weights are missing, a token is not in
            the vocabulary, or `max_tokens` does not fit.
    """

    def __init__(
        self,
        model: str,
        relevant: str = "▁true",
        other: str = "▁false",
        max_tokens: int = 512,
        batch_tokens: int | None = None,
        precision: Precision = "32",
        device: str = "auto",
    ) -> None:
        prompt = Prompt(TEMPLATE, relevant, other)
        running = Running(max_tokens, batch_tokens, precision, device)
        self.settings = settings(Path(model).name, prompt, max_tokens, precision)
        self._step = FirstStep(model, prompt, running, "MonoT5")
        self.fingerprint = self._step.fingerprint

    def score(
        self,
        queries: Sequence[str],
        passages: Sequence[str],
        pairs: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """Scores pairs; see `Teacher.score`."""
        return self._step.score(queries, passages, pairs)

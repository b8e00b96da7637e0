"""RankT5: an encoder-decoder that gives a score; the teacher of arXiv 2502.19712."""

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

TEMPLATE = "Query: {query} Document: {passage}"


class RankT5(Teacher):
    """Scores a pair by one logit of RankT5's first decoder step.

    The encoder-decoder form of the paper; its checkpoints that are an encoder with a
    dense layer on top are out of scope.
    Reference: https://arxiv.org/abs/2210.10634

    Args:
        model: A model folder or hub name of an encoder-decoder in transformers' format,
            or `package:NAME/FOLDER`.
        relevant: The entry of the vocabulary whose logit is the score; RankT5
            took one that T5 leaves free.
        max_tokens: Tokens of a prompt; only the passage is cut. 512, as in arXiv
            2502.19712.
        batch_tokens: Padded tokens a micro-batch; null = 2,048 on a CPU, 65,536 on a
            GPU. Changes speed and memory, not scores beyond rounding.
        precision: "32", or "bf16" for matrix products in bfloat16; weights stay in
            float32, and the last layer is computed so.
        device: "auto" (a GPU where there is one), "cpu", "cuda", "cuda:1" and so on.

    Raises:
        ValueError: If the model has no decoder, weights are missing, the token is not
            in the vocabulary, or `max_tokens` does not fit.
    """

    def __init__(
        self,
        model: str,
        relevant: str = "<extra_id_10>",
        max_tokens: int = 512,
        batch_tokens: int | None = None,
        precision: Precision = "32",
        device: str = "auto",
    ) -> None:
        prompt = Prompt(TEMPLATE, relevant)
        running = Running(max_tokens, batch_tokens, precision, device)
        self.settings = settings(Path(model).name, prompt, max_tokens, precision)
        self._step = FirstStep(model, prompt, running, "RankT5")
        self.fingerprint = self._step.fingerprint

    def score(
        self,
        queries: Sequence[str],
        passages: Sequence[str],
        pairs: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """Scores pairs; see `Teacher.score`."""
        return self._step.score(queries, passages, pairs)

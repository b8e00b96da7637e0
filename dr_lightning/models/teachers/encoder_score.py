"""The teacher that is a bi-encoder itself, larger than the student as a rule."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dr_lightning.models.device import Precision, autocast, pick_device
from dr_lightning.models.encoder import Encoder
from dr_lightning.models.encoding import encode
from dr_lightning.models.fingerprint import encoder_fingerprint
from dr_lightning.models.teachers.teacher import Teacher
from dr_lightning.models.teachers.text_cache import TextCache
from dr_lightning.models.tokenization import Side


class EncoderScore(Teacher):
    """Scores a pair by the inner product of its two embeddings.

    Of an encoder whose embeddings have length 1 that is the cosine, in [-1, 1]: a
    narrow range, so let the objective match temperatures, or `curate` average it with
    another teacher (each is put on a scale of its own). Each text is encoded once.

    Args:
        encoder: The teacher: any encoder, larger than the student as a rule.
        precision: "32", or "bf16" for matrix products in bfloat16.
        device: "auto" (a GPU where there is one), "cpu", "cuda", "cuda:1" and so on.
        batch_tokens: Padded tokens a micro-batch; null = 2,048 on a CPU, 65,536 on a
            GPU. Changes speed and memory, not scores beyond rounding.
    """

    def __init__(
        self,
        encoder: Encoder,
        precision: Precision = "32",
        device: str = "auto",
        batch_tokens: int | None = None,
    ) -> None:
        self.settings = {"model": Path(encoder.name).name, "precision": precision}
        self.fingerprint = f"{encoder_fingerprint(encoder)}-{precision}"
        self.encoder = encoder.to(pick_device(device))
        self.precision: Precision = precision
        self.batch_tokens = batch_tokens
        self._query = self._cache("query")
        self._passage = self._cache("passage")

    def score(
        self,
        queries: Sequence[str],
        passages: Sequence[str],
        pairs: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """Scores pairs; see `Teacher.score`."""
        query = np.stack(self._query(queries))[pairs[:, 0]]
        passage = np.stack(self._passage(passages))[pairs[:, 1]]
        scores: NDArray[np.float32] = np.einsum("pd,pd->p", query, passage)
        return scores

    def _cache(self, side: Side) -> TextCache[NDArray[np.float32]]:
        return TextCache(partial(self._encode, side=side))

    def _encode(self, texts: list[str], side: Side) -> NDArray[np.float32]:
        tokens = self.encoder.tokenization.ragged(texts, side)
        with autocast(self.encoder.device, self.precision):
            return encode(self.encoder, tokens, side, batch_tokens=self.batch_tokens)

"""Encodes many texts without gradient: length-sorted, by token budget, in order."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from dr_lightning.models.device import token_budget
from dr_lightning.models.encoder import Encoder
from dr_lightning.models.micro_batch import micro_batches
from dr_lightning.models.ragged import Ragged
from dr_lightning.models.tokenization import Side
from dr_lightning.progress import Show, follow


@runtime_checkable
class Texts(Protocol):
    """Tokenised texts to take rows from: a token store, or a few texts in memory."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Own tokens of each text."""

    def take(self, rows: NDArray[np.int64], max_tokens: int) -> Ragged:
        """Some of the texts."""


@torch.no_grad()
def encode(
    encoder: Encoder,
    texts: Texts,
    side: Side,
    rows: NDArray[np.int64] | None = None,
    batch_tokens: int | None = None,
    out: NDArray[np.float32] | None = None,
    label: str | None = None,
) -> NDArray[np.float32]:
    """Embeds texts, longest first, and returns them in the order of `rows`.

    Precision is the caller's: wrap the call in `autocast`. The encoder is put into
    evaluation mode and back.

    Args:
        encoder: On the device that shall work.
        texts: Token ids.
        side: Whose prompt and length limit apply.
        rows: Which texts; null = all.
        batch_tokens: Padded tokens a micro-batch; null = what suits the device.
        out: Where the embeddings go, `(rows, dim)`, such as a memory-mapped file; null
            = a new array.
        label: Names the work while it goes on; null = nothing is shown.

    Returns:
        Embeddings, `(rows, dim)`.
    """
    framing = encoder.tokenization.framings[side]
    rows = np.arange(len(texts.lengths)) if rows is None else np.asarray(rows)
    if out is None:
        out = np.empty((len(rows), encoder.dim), dtype=np.float32)
    lengths = np.minimum(texts.lengths[rows], framing.max_tokens) + framing.overhead
    done = 0
    with _evaluation(encoder), _followed(label, len(rows)) as show:
        for part in micro_batches(lengths, token_budget(batch_tokens, encoder.device)):
            some = texts.take(rows[part], framing.max_tokens).to(encoder.device)
            embedding = encoder(*some.pad(np.arange(len(part)), framing))
            out[part] = embedding.float().cpu().numpy()
            done += len(part)
            show(done)
    return out


@contextmanager
def _evaluation(encoder: Encoder) -> Iterator[None]:
    was_training = encoder.training
    encoder.eval()
    try:
        yield
    finally:
        encoder.train(was_training)


@contextmanager
def _followed(label: str | None, total: int) -> Iterator[Show]:
    if label is None:
        yield lambda *_: None
        return
    with follow(label, total, "texts") as show:
        yield show

"""Embeds a batch's texts with gradient, micro-batch by micro-batch, over all ranks."""

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from dr_lightning.distributed import gather_with_gradient, rank, world_size
from dr_lightning.models.dealing import deal
from dr_lightning.models.encoder import Encoder
from dr_lightning.models.gradient_cache import embed_recomputed
from dr_lightning.models.micro_batch import MicroBatching, micro_batches
from dr_lightning.models.ragged import Framing, Ragged
from dr_lightning.models.tokenization import Side


def embed(
    encoder: Encoder, texts: Ragged, side: Side, batching: MicroBatching
) -> Float[Tensor, "text dim"]:
    """Embeds each text on one rank, and gathers the embeddings with gradient.

    Args:
        encoder: The same on every rank.
        texts: Token ids, the same on every rank.
        side: "query" or "passage".
        batching: What goes through the encoder at once.

    Returns:
        Embeddings of all texts, on every rank.
    """
    framing = encoder.tokenization.framings[side]
    shares = deal(texts.padded_lengths(framing), world_size())
    # The rank that gets the odd query is not the one that gets the odd passage.
    shares = shares[::-1] if side == "query" else shares
    own = _embed(encoder, texts, framing, shares[rank()], batching)
    if len(shares) == 1:
        return own
    counts = [len(rows) for rows in shares]
    everywhere = gather_with_gradient(own, counts)
    return everywhere[_inverse(np.concatenate(shares), everywhere.device)]


def _embed(
    encoder: Encoder,
    texts: Ragged,
    framing: Framing,
    rows: NDArray[np.int64],
    batching: MicroBatching,
) -> Tensor:
    """Embeddings of some texts in the order of `rows`."""
    if not len(rows):  # DDP needs a gradient, be it zero, from every rank
        return _embed(encoder, texts, framing, np.zeros(1, np.int64), batching)[:0]
    parts = list(micro_batches(texts.padded_lengths(framing)[rows], batching.tokens))
    padded = [texts.pad(rows[part], framing) for part in parts]
    if batching.recompute:
        embedding = embed_recomputed(encoder, padded)
    else:
        embedding = torch.cat([encoder(*one) for one in padded])
    return embedding[_inverse(np.concatenate(parts), embedding.device)]


def _inverse(order: NDArray[np.int64], device: torch.device) -> Tensor:
    """Where each row went: `x[order][_inverse(order)]` is `x`."""
    return torch.from_numpy(np.argsort(order)).to(device)

"""The loop that every teacher scores by: sorted by length, cut by token budget."""

import logging
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from dr_lightning.models.device import token_budget
from dr_lightning.models.micro_batch import micro_batches
from dr_lightning.models.teachers.pair_tokens import PairTokens
from dr_lightning.models.teachers.running import Running

logger = logging.getLogger(__name__)

Logits = Callable[
    [Int[Tensor, "pair token"], Bool[Tensor, "pair token"], Int[Tensor, "pair token"]],
    Float[Tensor, " pair"],
]
"""Scores of a padded batch from token ids, what is not padding, and token types."""


def score_pairs(
    tokens: PairTokens, logits: Logits, running: Running
) -> NDArray[np.float32]:
    """Scores pairs, longest first, and returns the scores in their order.

    Args:
        tokens: The pairs.
        logits: The model; it gets tensors in main memory, so that it can look at
            lengths without waiting for the device.
        running: Budget, precision and device.
    """
    if tokens.cut_queries and not running.told_cut:
        running.told_cut = True  # pairs come in many calls
        logger.warning(
            "cut %d queries: too long for a pair; further ones are cut without a word",
            tokens.cut_queries,
        )
    device = running.place
    scores = torch.empty(len(tokens.lengths), dtype=torch.float32, device=device)
    budget = token_budget(running.batch_tokens, device)
    with torch.inference_mode(), running.autocast():
        for rows in micro_batches(tokens.lengths, budget):
            places = torch.from_numpy(rows).to(device)
            scores[places] = logits(*tokens.batch(rows)).float()
    return scores.cpu().numpy()

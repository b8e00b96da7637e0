"""What identifies an encoder: its weights and how it reads, whatever its folder."""

import hashlib
from dataclasses import asdict

import torch

from dr_lightning.models.encoder import Encoder


def encoder_fingerprint(encoder: Encoder) -> str:
    """16 hexadecimal digits that change when an embedding would.

    Args:
        encoder: With its weights loaded.
    """
    tokenization = encoder.tokenization
    sides = [tokenization.fingerprint(side) for side in ("query", "passage")]
    framings = [framing.max_tokens for framing in tokenization.framings.values()]
    shaping = asdict(encoder.settings), sides, framings
    digest = hashlib.sha256(repr(shaping).encode())
    for name, weight in encoder.state_dict().items():
        digest.update(name.encode())
        digest.update(weight.cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:16]

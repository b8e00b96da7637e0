"""From one vector a token to one vector a text."""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Pooling = Literal["cls", "mean", "last"]


def pool(
    hidden: Float[Tensor, "text token dim"],
    mask: Bool[Tensor, "text token"],
    pooling: Pooling,
) -> Float[Tensor, "text dim"]:
    """Pools the last hidden states of texts that are padded on the right.

    `cls` takes the first token, `last` the last that is not padding, `mean` averages
    those that are not padding, in float32.

    Args:
        hidden: Hidden states, `(texts, tokens, dim)`.
        mask: True where a token is not padding, `(texts, tokens)`.
        pooling: Which of the three.

    Example:
        >>> hidden = torch.tensor([[[1.0], [3.0], [9.0]]])
        >>> mask = torch.tensor([[True, True, False]])
        >>> [pool(hidden, mask, name).item() for name in ("cls", "mean", "last")]
        [1.0, 2.0, 3.0]
    """
    if pooling == "cls":
        return hidden[:, 0]
    if pooling == "last":
        last = mask.sum(1) - 1
        return hidden[torch.arange(len(hidden), device=hidden.device), last]
    wide = torch.promote_types(hidden.dtype, torch.float32)
    weight = mask[:, :, None].to(wide)
    return (hidden.to(wide) * weight).sum(1) / weight.sum(1)

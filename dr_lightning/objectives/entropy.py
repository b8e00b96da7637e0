"""Entropy of score distributions, and the temperature that gives a wanted entropy."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

# Where a temperature is looked for. With scores in 0..1 a list is all but an argmax at
# the lower end and all but uniform at the upper.
LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 1e-3, 1e3

# Halvings of the range on a log scale: 13.8 / 2**50 is below the rounding of float64.
HALVINGS = 50


def entropy(logits: Float[Tensor, "list slot"]) -> Float[Tensor, " list"]:
    """Entropy in nats of the softmax of each row; a logit of -inf takes no part.

    Args:
        logits: At least one a row is finite.

    Example:
        >>> logits = torch.tensor([[0.0, 0.0, -torch.inf], [9.0, 9.0, 9.0]])
        >>> entropy(logits)  # log 2 and log 3
        tensor([0.6931, 1.0986])
    """
    parts: Tensor = torch.special.entr(logits.softmax(-1))
    return parts.sum(-1)


def matching_temperature(scores: Float[Tensor, "list slot"], target: float) -> float:
    """The temperature at which the rows' mean entropy is `target`.

    The mean entropy of softmax(scores / T) grows with T, so bisection on log T finds
    the one temperature.

    Args:
        scores: Of each list; -inf in an empty slot.
        target: Mean entropy in nats.

    Raises:
        ValueError: If no temperature between 0.001 and 1,000 gives that entropy.

    Example:
        >>> scores = torch.tensor([[math.log(3), 0.0]], dtype=torch.float64)
        >>> round(matching_temperature(scores, entropy(scores / 0.2).item()), 6)
        0.2
    """

    def mean_entropy(log_temperature: float) -> float:
        return entropy(scores / math.exp(log_temperature)).mean().item()

    low, high = math.log(LOWEST_TEMPERATURE), math.log(HIGHEST_TEMPERATURE)
    least, most = mean_entropy(low), mean_entropy(high)
    if not least <= target <= most:
        msg = (
            f"no temperature gives a mean entropy of {target:.4g} nats: over the lists "
            f"given it stays between {least:.4g} and {most:.4g}, as with many equal "
            "scores in a list. Give the temperature as a number."
        )
        raise ValueError(msg)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if mean_entropy(middle) < target else (low, middle)
    return math.exp((low + high) / 2)

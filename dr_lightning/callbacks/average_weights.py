"""The plain mean of the weights from a step on, instead of an exponential one."""

from functools import partial

from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor


class AverageWeights(WeightAveraging):
    """The equal-weight mean of the weights after each step from `start_step` on.

    Stochastic weight averaging, https://arxiv.org/abs/1803.05407. Evaluations,
    checkpoints and the exported model have the mean; until it starts, the weights
    themselves. Lightning's `EMAWeightAveraging` is the exponential one.

    Args:
        start_step: Optimizer steps after which the mean starts, such as three quarters
            of all; 0 takes every step.
        device: Where the mean lies; null = beside the model.

    Raises:
        ValueError: If `start_step` is below 0.
    """

    def __init__(self, start_step: int, device: str | None = None) -> None:
        if start_step < 0:
            msg = f"start_step must be at least 0, but got {start_step}."
            raise ValueError(msg)
        super().__init__(
            device, use_buffers=False, avg_fn=partial(mean_from, start=start_step)
        )


def mean_from(mean: Tensor, value: Tensor, count: Tensor, start: int) -> Tensor:
    """A mean with one more value; values before `start` are forgotten.

    Args:
        mean: Of the values so far.
        value: The next one.
        count: Values so far, those before `start` too.
        start: Values to forget.

    Example:
        >>> from torch import tensor
        >>> mean_from(tensor(9.0), tensor(1.0), tensor(3), start=3).item()
        1.0
        >>> mean_from(tensor(1.0), tensor(4.0), tensor(4), start=3).item()
        2.5
    """
    kept = (count - start).clamp(min=0)
    return mean + (value - mean) / (kept + 1)

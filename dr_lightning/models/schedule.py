"""The learning rate over a run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LinearSchedule:
    """Linear warm-up, then linearly towards 0, but never under a floor.

    The method's schedule (arXiv 2502.19712): warm-up over max(10, half an epoch)
    steps, then towards 0 at epoch 30, not under 10% of the peak. Two changes: the first
    step's rate is above 0, and the warm-up takes at most a fifth of the run.

    Args:
        warmup_epochs: Length of the warm-up, in epochs.
        warmup_steps: Steps the warm-up takes at least.
        warmup_share: Share of the run that it takes at most, in [0, 1].
        decay_epochs: Epoch at which the line would reach 0.
        floor: Smallest factor after the warm-up, in [0, 1].

    Raises:
        ValueError: If a share lies outside [0, 1] or a length below 0.
    """

    warmup_epochs: float = 0.5
    warmup_steps: int = 10
    warmup_share: float = 0.2
    decay_epochs: float = 30.0
    floor: float = 0.1

    def __post_init__(self) -> None:
        """Checks the ranges."""
        for name in ("warmup_share", "floor"):
            if not 0 <= getattr(self, name) <= 1:
                msg = f"{name} must be in [0, 1], but got {getattr(self, name)}."
                raise ValueError(msg)
        for name in ("warmup_epochs", "warmup_steps", "decay_epochs"):
            if getattr(self, name) < 0:
                msg = f"{name} must be at least 0, but got {getattr(self, name)}."
                raise ValueError(msg)

    def factor(self, step: int, steps_per_epoch: float, total: int) -> float:
        """What the peak rate is multiplied by.

        Args:
            step: Optimizer step, counted from 0.
            steps_per_epoch: Optimizer steps an epoch.
            total: Optimizer steps of the run.

        Returns:
            A number in (0, 1].

        Example:
            >>> schedule = LinearSchedule(warmup_steps=2, warmup_epochs=0.0)
            >>> [round(schedule.factor(step, 1.0, 30), 2) for step in (0, 1, 2, 16, 29)]
            [0.5, 1.0, 1.0, 0.5, 0.1]
        """
        wanted = max(self.warmup_steps, self.warmup_epochs * steps_per_epoch)
        warmup = max(min(wanted, self.warmup_share * total), 1.0)
        if step < warmup:
            return min((step + 1) / warmup, 1.0)
        decay = max(self.decay_epochs * steps_per_epoch - warmup, 1.0)
        return max(1.0 - (step - warmup) / decay, self.floor)

"""Several objectives at once."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dr_lightning.objectives.block import Block
from dr_lightning.objectives.objective import Objective


class WeightedSum(Objective):
    """Sum of objectives, each times its weight and each logged under its own name.

    Listwise KL plus 0.1 times InfoNCE is the objective of
    https://arxiv.org/abs/2502.19712:

        class_path: WeightedSum
        init_args:
          objectives:
            - class_path: ListwiseKL
            - class_path: InfoNCE
          weights: [1.0, 0.1]

    Names that occur more than once are numbered: `info_nce_1`, `info_nce_2`.

    Args:
        objectives: The parts.
        weights: One a part, 0 or above; a part with weight 0 is only logged.

    Raises:
        ValueError: If there is no part, or not one finite weight >= 0 for each.

    Example:
        >>> from dr_lightning.objectives import InfoNCE, ListwiseKL
        >>> WeightedSum([ListwiseKL(), InfoNCE()], weights=[1.0, 0.1]).part_names
        ['listwise_kl', 'info_nce']
    """

    name: ClassVar[str] = "weighted_sum"

    def __init__(self, objectives: list[Objective], weights: list[float]) -> None:
        super().__init__()
        if not objectives or len(objectives) != len(weights):
            msg = (
                "WeightedSum needs at least one objective and one weight for each, but "
                f"got {len(objectives)} objectives and {len(weights)} weights."
            )
            raise ValueError(msg)
        if not all(math.isfinite(weight) and weight >= 0 for weight in weights):
            msg = f"weights must be finite and 0 or above, but got {weights}."
            raise ValueError(msg)
        self.part_names = _numbered([part.name for part in objectives])
        self.parts = nn.ModuleDict(dict(zip(self.part_names, objectives, strict=True)))
        self.weights = dict(zip(self.part_names, weights, strict=True))
        self.needs_teacher_scores = any(p.needs_teacher_scores for p in objectives)
        self.min_list_length = max(part.min_list_length for part in objectives)

    @property
    def needs_calibration(self) -> bool:
        """Whether a part does."""
        return any(part.needs_calibration for part in self._objectives())

    @property
    def compares_batches(self) -> bool:
        """Whether a part does."""
        return any(part.compares_batches for part in self._objectives())

    def calibrate(self, batches: Sequence[Block]) -> None:
        """Calibrates each part."""
        for part in self._objectives():
            part.calibrate(batches)

    def total(self, terms: dict[str, Float[Tensor, ""]]) -> Float[Tensor, ""]:
        """Sum of the parts, each times its weight."""
        products = [weight * terms[name] for name, weight in self.weights.items()]
        return torch.stack(products).sum()

    def value(self, batch: Block, rows: slice) -> Float[Tensor, ""]:
        """The weighted sum."""
        return self.total(self.named_values(batch, rows))

    def named_values(self, batch: Block, rows: slice) -> dict[str, Float[Tensor, ""]]:
        """The parts, unweighted."""
        return {
            name: part.value(batch, rows)
            for name, part in zip(self.part_names, self._objectives(), strict=True)
        }

    def observe(self, batch: Block, rows: slice) -> dict[str, Float[Tensor, ""]]:
        """Diagnostics of all parts, under the part's name where names clash."""
        found = [part.observe(batch, rows) for part in self._objectives()]
        counts = Counter(key for numbers in found for key in numbers)
        return {
            key if counts[key] == 1 else f"{name}/{key}": number
            for name, numbers in zip(self.part_names, found, strict=True)
            for key, number in numbers.items()
        }

    def _objectives(self) -> list[Objective]:
        return [cast("Objective", part) for part in self.parts.values()]


def _numbered(names: list[str]) -> list[str]:
    """The names, with a number behind those that occur more than once.

    Example:
        >>> _numbered(["info_nce", "listwise_kl", "info_nce"])
        ['info_nce_1', 'listwise_kl', 'info_nce_2']
    """
    counts, seen = Counter(names), Counter[str]()
    numbered = []
    for name in names:
        seen[name] += 1
        numbered.append(name if counts[name] == 1 else f"{name}_{seen[name]}")
    return numbered

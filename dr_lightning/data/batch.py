"""A batch: a set of queries, a set of distinct passages, and an index between them."""

from typing import Any, Self

import torch
from torch import Tensor

from dr_lightning.models.ragged import Ragged


class Batch:
    """Queries with their lists, over passages that each stand here once.

    Lists of one corpus overlap, so a passage that many queries list is encoded once.
    It is no dataclass: Lightning's `bf16-true` refuses a frozen one and would round the
    teacher scores of another.

    Args:
        query: Q queries.
        passage: U distinct passages.
        lists: `(Q, P)` rows of `passage`; column 0 the positive, -1 an empty slot.
        teacher_scores: `(Q, P)` in [0, 1], 0 in empty slots; None without a teacher.
        excluded: `(Q, E)` rows of `passage` that are known positives beside the list's
            own, -1 empty; None where no query has any.
    """

    def __init__(
        self,
        query: Ragged,
        passage: Ragged,
        lists: Tensor,
        teacher_scores: Tensor | None = None,
        excluded: Tensor | None = None,
    ) -> None:
        self.query = query
        self.passage = passage
        self.lists = lists
        self.teacher_scores = teacher_scores
        self.excluded = excluded

    def __len__(self) -> int:
        """Number of queries."""
        return len(self.query)

    def to(self, device: torch.device | str, **options: Any) -> Self:
        """The batch on another device; text lengths stay in main memory."""
        return type(self)(
            self.query.to(device, **options),
            self.passage.to(device, **options),
            self.lists.to(device, **options),
            _to(self.teacher_scores, device, **options),
            _to(self.excluded, device, **options),
        )

    def pin_memory(self) -> Self:
        """The batch in page-locked memory."""
        return type(self)(
            self.query.pin_memory(),
            self.passage.pin_memory(),
            self.lists.pin_memory(),
            None if self.teacher_scores is None else self.teacher_scores.pin_memory(),
            None if self.excluded is None else self.excluded.pin_memory(),
        )


def _to(
    value: Tensor | None, device: torch.device | str, **options: Any
) -> Tensor | None:
    return None if value is None else value.to(device, **options)

"""What the bi-encoder asks of its data, whoever makes it."""

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from dr_lightning.models.ragged import Ragged


@runtime_checkable
class TrainingBatch(Protocol):
    """What a training step reads of a batch; `dr_lightning.data.batch.Batch` is one."""

    def to(self, device: torch.device) -> "TrainingBatch":
        """The batch on another device."""

    @property
    def query(self) -> Ragged:
        """Queries."""

    @property
    def passage(self) -> Ragged:
        """Distinct passages."""

    @property
    def lists(self) -> Tensor:
        """Rows of `passage`, (queries, slots)."""

    @property
    def teacher_scores(self) -> Tensor | None:
        """In [0, 1], (queries, slots)."""

    @property
    def excluded(self) -> Tensor | None:
        """Rows of `passage` that are further positives."""


@runtime_checkable
class ListData(Protocol):
    """What the model asks of a data module with training lists."""

    @property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch."""

    def sample(self, queries: int, whole: bool) -> Iterable[TrainingBatch]:
        """Batches of that many training lists: small ones, or whole ones of a run."""

    def require(self, teacher_scores: bool, list_length: int) -> None:
        """Raises ValueError where the lists cannot serve the objective."""

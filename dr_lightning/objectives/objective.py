"""What every objective is: embeddings and teacher scores in, one number out."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from dr_lightning.objectives.block import Block
from dr_lightning.objectives.checks import check_shapes


class Objective(nn.Module, ABC):
    """What a bi-encoder minimises, on the embeddings of one batch.

    A batch is its queries, its *distinct* passages and an index between them, so each
    passage is encoded once however many lists it stands in. Scores are dot products:
    cosines in [-1, 1], as the embeddings have unit length.

    Every objective is a sum over queries divided by a normaliser of the whole batch. A
    rank that answers for some `rows` gives its share of that sum over the same
    normaliser, so the shares of all ranks add up to the value of the batch.

    A subclass sets `name`, says what it needs and computes `value`. All is computed in
    float32, under mixed precision too; float64 stays float64.

    Attributes:
        name: What the objective is called in logs.
        needs_teacher_scores: Whether every list must come with teacher scores.
        min_list_length: Slots that a list must have: 2 where slots are compared.
    """

    name: ClassVar[str]
    needs_teacher_scores: bool = False
    min_list_length: int = 1

    @property
    def needs_calibration(self) -> bool:
        """Whether `calibrate` must be called before the first batch."""
        return False

    @property
    def compares_batches(self) -> bool:
        """Whether `calibrate` wants the batches of training, not just lists of it."""
        return False

    def calibrate(self, batches: Sequence[Block]) -> None:
        """Sets once what depends on the training lists; here nothing does.

        Args:
            batches: Some lists, embedded by the student before training.
        """

    def forward(
        self,
        query: Float[Tensor, "query dim"],
        passage: Float[Tensor, "passage dim"],
        lists: Int[Tensor, "query slot"],
        teacher_scores: Float[Tensor, "query slot"] | None = None,
        excluded: Int[Tensor, "query other"] | None = None,
        rows: slice | None = None,
    ) -> Float[Tensor, ""]:
        """What is minimised: `total` of `terms`, which see for the arguments."""
        return self.total(
            self.terms(query, passage, lists, teacher_scores, excluded, rows)
        )

    def terms(
        self,
        query: Float[Tensor, "query dim"],
        passage: Float[Tensor, "passage dim"],
        lists: Int[Tensor, "query slot"],
        teacher_scores: Float[Tensor, "query slot"] | None = None,
        excluded: Int[Tensor, "query other"] | None = None,
        rows: slice | None = None,
    ) -> dict[str, Float[Tensor, ""]]:
        """The named parts of the objective, unweighted, for the log and for `total`.

        Args:
            query: Embeddings of the batch's queries, of all ranks.
            passage: Embeddings of the batch's distinct passages, of all ranks.
            lists: Rows of `passage`; column 0 the positive, -1 an empty slot. A list
                holds a passage once.
            teacher_scores: Of each slot, normalised to 0..1; any value, NaN too, in an
                empty slot.
            excluded: Rows of `passage`, further known positives; -1 for none.
            rows: The queries that this call answers for. None: all.

        Raises:
            ValueError: If shapes disagree or something needed is missing. Contents are
                not looked at: that would make the device wait at every step.
        """
        block = self._block(query, passage, lists, teacher_scores, excluded)
        with torch.autocast(query.device.type, enabled=False):
            return self.named_values(block.upcast(), rows or slice(None))

    def total(self, terms: dict[str, Float[Tensor, ""]]) -> Float[Tensor, ""]:
        """What is minimised, from what `terms` gave."""
        return terms[self.name]

    @torch.no_grad()
    def diagnostics(
        self,
        query: Float[Tensor, "query dim"],
        passage: Float[Tensor, "passage dim"],
        lists: Int[Tensor, "query slot"],
        teacher_scores: Float[Tensor, "query slot"] | None = None,
        excluded: Int[Tensor, "query other"] | None = None,
        rows: slice | None = None,
    ) -> dict[str, Float[Tensor, ""]]:
        """Named numbers that are worth a look but not minimised, without gradient.

        Like the terms, they are shares that add up over a partition of the rows. The
        arguments are those of `terms`.
        """
        block = self._block(query, passage, lists, teacher_scores, excluded)
        with torch.autocast(query.device.type, enabled=False):
            return self.observe(block.upcast(), rows or slice(None))

    @abstractmethod
    def value(self, batch: Block, rows: slice) -> Float[Tensor, ""]:
        """Sum over the queries of `rows`, divided by the whole batch's normaliser."""

    def named_values(self, batch: Block, rows: slice) -> dict[str, Float[Tensor, ""]]:
        """The terms of the queries of `rows`; one of them unless there are parts."""
        return {self.name: self.value(batch, rows)}

    def observe(self, batch: Block, rows: slice) -> dict[str, Float[Tensor, ""]]:
        """Diagnostics of the queries of `rows`; none unless a subclass has some."""
        return {}

    def _block(
        self,
        query: Tensor,
        passage: Tensor,
        lists: Tensor,
        teacher_scores: Tensor | None,
        excluded: Tensor | None,
    ) -> Block:
        check_shapes(query, passage, lists, teacher_scores, excluded)
        if lists.shape[1] < self.min_list_length:
            msg = (
                f"{type(self).__name__} compares the passages of a list and needs "
                f"lists of at least {self.min_list_length}, but got lists of "
                f"{lists.shape[1]}. Raise the data's list length, or use InfoNCE."
            )
            raise ValueError(msg)
        if self.needs_teacher_scores and teacher_scores is None:
            msg = (
                f"{type(self).__name__} learns from teacher scores, but the lists come "
                "without. Run `score` before `curate`, or use InfoNCE."
            )
            raise ValueError(msg)
        return Block(query, passage, lists, teacher_scores, excluded)

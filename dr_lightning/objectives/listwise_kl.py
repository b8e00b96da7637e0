"""The teacher's whole ranking of a list, as a distribution to be learnt."""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal, cast

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from dr_lightning.objectives.block import Block
from dr_lightning.objectives.checks import check_positive
from dr_lightning.objectives.entropy import entropy, matching_temperature
from dr_lightning.objectives.objective import Objective

# What an unlisted passage scores: the floor of teacher scores normalised to 0..1.
UNLISTED_SCORE = 0.0


class ListwiseKL(Objective):
    r"""Divergence of the student's distribution over a list from the teacher's.

    With teacher scores z, cosines s and the temperatures T_t and T_s:

    $$\mathrm{KL}\big(\mathrm{softmax}(z/T_t)\,\|\,\mathrm{softmax}(s/T_s)\big)$$

    over the filled slots of a list, averaged over the queries, without a factor of
    temperature squared. Excluded passages take part where they are listed. It is the
    listwise distillation of https://arxiv.org/abs/2502.19712, section 3.

    Temperatures belong to a teacher and to a depth of list. Where the teacher's entropy
    is far above the student's, the loss mostly flattens the student: look at
    `teacher_entropy` and `student_entropy` among the diagnostics, or use "match".

    Args:
        student_temperature: Divides the cosines; 0.05 as in 2502.19712. Above 0.
        teacher_temperature: Divides the teacher scores in 0..1; 0.3 as in 2502.19712.
            "match": set once by `calibrate`, so that teacher and student have the same
            mean entropy before training, over lists or batches; saved with the model.
        scope: "list", or "batch" for the distribution over all distinct passages of
            the batch, in which unlisted passages have the teacher score 0 and excluded
            ones are left out unless listed.

    Raises:
        ValueError: If a temperature is neither above 0 nor "match".

    Example:
        >>> query = torch.tensor([[1.0, 0.0]])
        >>> passage = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> lists, teacher_scores = torch.tensor([[0, 1]]), torch.tensor([[1.0, 0.0]])
        >>> objective = ListwiseKL(student_temperature=1.0, teacher_temperature=1.0)
        >>> objective(query, passage, lists, teacher_scores).item()
        0.0
    """

    name: ClassVar[str] = "listwise_kl"
    needs_teacher_scores = True
    min_list_length = 2
    teacher_temperature_value: Tensor

    def __init__(
        self,
        student_temperature: float = 0.05,
        teacher_temperature: float | Literal["match"] = 0.3,
        scope: Literal["list", "batch"] = "list",
    ) -> None:
        super().__init__()
        check_positive("student_temperature", student_temperature)
        match = teacher_temperature == "match"
        if not match:
            check_positive("teacher_temperature", float(teacher_temperature))
        self.student_temperature = student_temperature
        self.teacher_temperature = teacher_temperature
        self.scope = scope
        # NaN until calibrated. A number given in the settings is not saved, so that a
        # checkpoint never overrules the settings.
        value = torch.tensor(math.nan if match else float(teacher_temperature))
        self.register_buffer("teacher_temperature_value", value, persistent=match)
        self._calibrated = not match

    @property
    def needs_calibration(self) -> bool:
        """Whether the teacher's temperature is still to be matched."""
        if not self._calibrated:
            # Set here or loaded from a checkpoint. Once seen it is not read again, so
            # that the device need not be waited for at every step.
            self._calibrated = not bool(self.teacher_temperature_value.isnan())
        return not self._calibrated

    @property
    def compares_batches(self) -> bool:
        """Whether the distribution is over all passages of a batch."""
        return self.scope == "batch"

    @torch.no_grad()
    def calibrate(self, batches: Sequence[Block]) -> None:
        """Sets the teacher's temperature to match the student's mean entropy.

        The entropies are those of the distributions that are compared: over a list, or
        with `scope="batch"` over a batch, where the many unlisted passages would else
        outweigh the list. A temperature given as a number stays.

        Args:
            batches: Embedded by the student before training, with teacher scores.

        Raises:
            ValueError: If no temperature matches.
        """
        if self.teacher_temperature != "match":
            return
        scores = [self._scores(batch.upcast()) for batch in batches]
        teacher, student = (_stacked(several) for several in zip(*scores, strict=True))
        target = entropy(student / self.student_temperature).mean().item()
        self.teacher_temperature_value.fill_(matching_temperature(teacher, target))

    def value(self, batch: Block, rows: slice) -> Float[Tensor, ""]:
        """Mean over the queries of the divergence in nats."""
        total = batch.rows(rows).sum(self._divergence, self._width(batch))
        return total / len(batch.query)

    def observe(self, batch: Block, rows: slice) -> dict[str, Float[Tensor, ""]]:
        """Mean entropy in nats of the teacher's and the student's distributions."""
        share, width = batch.rows(rows), self._width(batch)
        teacher = share.sum(lambda chunk: entropy(self._logits(chunk)[0]), width)
        student = share.sum(lambda chunk: entropy(self._logits(chunk)[1]), width)
        count = len(batch.query)
        return {"teacher_entropy": teacher / count, "student_entropy": student / count}

    def _width(self, batch: Block) -> int:
        """Numbers a query in the largest matrix: gathered embeddings, or scores."""
        if self.scope == "batch":
            return len(batch.passage)
        return batch.lists.shape[1] * batch.passage.shape[1]

    def _divergence(self, chunk: Block) -> Float[Tensor, " query"]:
        teacher, student = (logits.log_softmax(-1) for logits in self._logits(chunk))
        # Outside the distribution both are -inf; there the difference counts as 0.
        gap = (teacher - student).masked_fill(teacher == -torch.inf, 0.0)
        return (teacher.exp() * gap).sum(-1)

    def _logits(
        self, chunk: Block
    ) -> tuple[Float[Tensor, "query any"], Float[Tensor, "query any"]]:
        """Logits of teacher and student, -inf where a passage does not take part."""
        teacher, student = self._scores(chunk)
        return teacher / self._temperature(), student / self.student_temperature

    def _scores(
        self, chunk: Block
    ) -> tuple[Float[Tensor, "query any"], Float[Tensor, "query any"]]:
        """Scores of teacher and student, -inf where a passage does not take part."""
        if self.scope == "batch":
            teacher, student = self._batch_teacher_scores(chunk), chunk.batch_scores()
        else:
            empty = chunk.lists < 0
            teacher = _teacher_scores(chunk).masked_fill(empty, -torch.inf)
            student = chunk.list_scores()
        return teacher, student.masked_fill(teacher == -torch.inf, -torch.inf)

    def _batch_teacher_scores(self, chunk: Block) -> Float[Tensor, "query passage"]:
        scores = chunk.query.new_full(
            (len(chunk.query), len(chunk.passage) + 1), UNLISTED_SCORE
        )
        if chunk.excluded is not None:
            scores.scatter_(1, chunk.columns(chunk.excluded), -torch.inf)
        scores.scatter_(1, chunk.columns(chunk.lists), _teacher_scores(chunk))
        return scores[:, :-1]

    def _temperature(self) -> float | Tensor:
        if self.needs_calibration:
            msg = (
                "ListwiseKL has teacher_temperature='match' but has not been "
                "calibrated. Call `calibrate` with the scores of the training lists "
                "before the first batch, or load a checkpoint that was."
            )
            raise RuntimeError(msg)
        if self.teacher_temperature == "match":
            return self.teacher_temperature_value
        return float(self.teacher_temperature)


def _stacked(several: Sequence[Tensor]) -> Float[Tensor, "query any"]:
    """Rows of several matrices in float64, the shorter ones filled up with -inf."""
    width = max(one.shape[1] for one in several)
    padded = [
        functional.pad(one.double(), (0, width - one.shape[1]), value=-torch.inf)
        for one in several
    ]
    return torch.cat(padded)


def _teacher_scores(chunk: Block) -> Tensor:
    # There, as the base refuses a batch without.
    return cast("Tensor", chunk.teacher_scores)

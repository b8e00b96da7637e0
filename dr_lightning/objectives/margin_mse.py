"""The teacher's margins between the positive and each other passage of a list."""

from typing import ClassVar, cast

from jaxtyping import Float
from torch import Tensor

from dr_lightning.objectives.block import Block
from dr_lightning.objectives.checks import check_positive
from dr_lightning.objectives.objective import Objective


class MarginMSE(Objective):
    r"""Squared difference between the student's and the teacher's margins.

    With teacher scores z and cosines s, over every filled slot p of a list but the
    positive p+:

    $$\big(a\,(s(q, p^+) - s(q, p)) - (z(q, p^+) - z(q, p))\big)^2$$

    averaged over all such slots of the batch, as over the triples of eq. 6 of
    https://arxiv.org/abs/2010.02666. Nothing is masked: a false negative has a small
    margin in the teacher's eyes too.

    There both models score without bounds. Here margins of cosines stand against
    margins of teacher scores in 0..1, and cosines of one list lie close together, so
    the student's margin is scaled by a. Scaling the teacher's instead would be the same
    objective up to the factor a squared, hence one setting.

    Args:
        scale: The a above. 6 = 0.3 / 0.05, the ratio of the temperatures of
            `ListwiseKL`: the two objectives then vanish for the same student. A teacher
            margin of 1 asks for a cosine margin of 1/6. Above 0.

    Raises:
        ValueError: If the scale is not above 0.

    Example:
        >>> import torch
        >>> query = torch.tensor([[1.0, 0.0]])
        >>> passage = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
        >>> lists, teacher_scores = torch.tensor([[0, 1]]), torch.tensor([[1.0, 0.0]])
        >>> MarginMSE(scale=6.0)(query, passage, lists, teacher_scores).item()
        4.0
    """

    name: ClassVar[str] = "margin_mse"
    needs_teacher_scores = True
    min_list_length = 2

    def __init__(self, scale: float = 6.0) -> None:
        super().__init__()
        check_positive("scale", scale)
        self.scale = scale

    def value(self, batch: Block, rows: slice) -> Float[Tensor, ""]:
        """Mean of the squared differences over all slots but the positives."""
        width = batch.lists.shape[1] * batch.passage.shape[1]
        total = batch.rows(rows).sum(self._per_query, width)
        # Lists with a positive alone have no margin, and a batch of such gives 0.
        return total / (batch.lists[:, 1:] >= 0).sum().clamp(min=1)

    def _per_query(self, chunk: Block) -> Float[Tensor, " query"]:
        student = chunk.list_scores()
        teacher = cast("Tensor", chunk.teacher_scores)  # the base refuses None
        gap = self.scale * (student[:, :1] - student) - (teacher[:, :1] - teacher)
        # The positive's own gap is 0.
        return gap.masked_fill(chunk.lists < 0, 0.0).square().sum(-1)

"""One positive against all other passages of the batch."""

from functools import partial
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from dr_lightning.objectives.block import Block
from dr_lightning.objectives.checks import check_positive
from dr_lightning.objectives.objective import Objective


class InfoNCE(Objective):
    r"""Contrastive loss over the whole batch, with false negatives masked by id.

    For query q with positive p+, temperature t and cosines s:

    $$-\log \frac{e^{s(q, p^+)/t}}{e^{s(q, p^+)/t} + \sum_{p \in N(q)} n_p\,
    e^{s(q, p)/t}}$$

    averaged over the queries. N(q) holds the positives and the hard negatives of all
    lists of the batch, q's own included; a passage that stands in n_p of their slots
    counts n_p times, as `+ log n_p` on its logit. Three kinds are left out of N(q), in
    whichever list they turn up: q's positive, q's excluded passages, and those of q's
    own list that the teacher scores above `false_negative_ratio` times the positive.

    The loss is eq. 4 of https://arxiv.org/abs/1807.03748; in-batch negatives, mask and
    constants are those of https://arxiv.org/abs/2502.19712.

    Args:
        temperature: Divides the cosines; 0.01 as in 2502.19712. Above 0.
        false_negative_ratio: 0.6 as in 2502.19712, with teacher scores in 0..1. A score
            equal to the ratio stays a negative. None, or lists without teacher scores
            (NaN where only some lack them): nothing is masked by score.
        hard_negatives: Whether hard negatives are used; otherwise only the other
            queries' positives.
        count_repeats: Whether a passage counts once a slot; otherwise once a batch.

    Raises:
        ValueError: If the temperature or the ratio is not above 0.

    Example:
        >>> query = torch.tensor([[1.0, 0.0]])
        >>> passage = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> objective = InfoNCE(temperature=1.0)
        >>> round(objective(query, passage, torch.tensor([[0, 1]])).item(), 4)
        0.3133
    """

    name: ClassVar[str] = "info_nce"

    def __init__(
        self,
        temperature: float = 0.01,
        false_negative_ratio: float | None = 0.6,
        hard_negatives: bool = True,
        count_repeats: bool = True,
    ) -> None:
        super().__init__()
        check_positive("temperature", temperature)
        if false_negative_ratio is not None:
            check_positive("false_negative_ratio", false_negative_ratio)
        self.temperature = temperature
        self.false_negative_ratio = false_negative_ratio
        self.hard_negatives = hard_negatives
        self.count_repeats = count_repeats

    def value(self, batch: Block, rows: slice) -> Float[Tensor, ""]:
        """Mean over the queries of the negative log-probability of the positive."""
        per_query = partial(self._per_query, log_counts=self._log_counts(batch))
        width = len(batch.passage)
        return batch.rows(rows).sum(per_query, width) / len(batch.query)

    def _log_counts(self, batch: Block) -> Float[Tensor, " target"]:
        """Log of the slots that a passage fills as a negative; -inf where none."""
        slots = batch.lists if self.hard_negatives else batch.lists[:, :1]
        targets = batch.columns(slots).flatten()
        counts = batch.query.new_zeros(len(batch.passage) + 1)
        counts.scatter_add_(0, targets, torch.ones_like(targets, dtype=counts.dtype))
        return (counts if self.count_repeats else counts.clamp(max=1)).log()

    def _per_query(
        self, chunk: Block, log_counts: Float[Tensor, " target"]
    ) -> Float[Tensor, " query"]:
        positive = chunk.lists[:, :1].long()
        weights = log_counts.repeat(len(chunk.query), 1)
        for masked in (chunk.excluded, self._false_negatives(chunk)):
            if masked is not None:
                weights.scatter_(1, chunk.columns(masked), -torch.inf)
        # Last, as nothing may mask the positive itself; it counts once.
        weights.scatter_(1, positive, 0.0)
        logits = chunk.batch_scores() / self.temperature + weights[:, :-1]
        return functional.cross_entropy(logits, positive[:, 0], reduction="none")

    def _false_negatives(self, chunk: Block) -> Int[Tensor, "query slot"] | None:
        """Rows of `passage` that the teacher finds too good; -1 elsewhere."""
        scores = chunk.teacher_scores
        if scores is None or self.false_negative_ratio is None:
            return None
        too_good = scores > self.false_negative_ratio * scores[:, :1]
        return chunk.lists.where(too_good, -1)

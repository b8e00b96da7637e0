"""Measures of a ranked list, as trec_eval computes them, over tables of gains.

Each function takes two tables with one row a query and returns one value a query:

- `gains` (queries, depth): the relevance of the passage at each rank, best rank
  first; 0 where it is unjudged, not relevant, or where the list has ended;
- `ideal` (queries, width): the relevances of *all* relevant passages of the
  query, found or not, highest first, then 0.

Gains are at least 0. A passage is relevant from 1 on; only nDCG uses the grade.
A query without relevant passages has the value 0 on every measure.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


def ndcg(gains: Tensor, ideal: Tensor, cutoff: int | None = None) -> Tensor:
    r"""Compute the normalised discounted cumulative gain with linear gain.

    nDCG@k = DCG@k(gains) / DCG@k(ideal), DCG@k = sum_{i=1..k} gain_i / log2(i + 1)

    Args:
        gains: Relevances in rank order, of shape (queries, depth).
        ideal: Relevances of all relevant passages, of shape (queries, width).
        cutoff: Ranks that count; None counts all.

    Returns:
        Values in [0, 1], of shape (queries,).

    >>> ndcg(torch.tensor([[0.0, 2.0]]), torch.tensor([[2.0]]), cutoff=10)
    tensor([0.6309])
    """
    best = _dcg(ideal, cutoff)
    return torch.where(best > 0, _dcg(gains, cutoff) / best, 0.0)


def recall(gains: Tensor, ideal: Tensor, cutoff: int | None = None) -> Tensor:
    """Compute the share of the relevant passages that stand in the first ranks.

    >>> recall(torch.tensor([[0.0, 2.0]]), torch.tensor([[2.0, 1.0]]), cutoff=2)
    tensor([0.5000])
    """
    return _hits(gains, cutoff).sum(dim=1) / _relevant(ideal)


def precision(gains: Tensor, ideal: Tensor, cutoff: int | None = None) -> Tensor:
    """Compute the share of the first `cutoff` ranks that hold a relevant passage.

    A list shorter than the cutoff is not forgiven: the divisor stays `cutoff`.

    >>> precision(torch.tensor([[0.0, 2.0]]), torch.tensor([[2.0]]), cutoff=10)
    tensor([0.1000])
    """
    return _hits(gains, cutoff).sum(dim=1) / (cutoff or max(gains.shape[1], 1))


def success(gains: Tensor, ideal: Tensor, cutoff: int | None = None) -> Tensor:
    """Give 1 where any of the first ranks holds a relevant passage, else 0.

    >>> success(torch.tensor([[0.0, 2.0]]), torch.tensor([[2.0]]), cutoff=1)
    tensor([0.])
    """
    return _hits(gains, cutoff).amax(dim=1)


def reciprocal_rank(gains: Tensor, ideal: Tensor, cutoff: int | None = None) -> Tensor:
    """Compute 1 / rank of the first relevant passage, 0 where there is none.

    >>> reciprocal_rank(torch.tensor([[0.0, 2.0]]), torch.tensor([[2.0]]))
    tensor([0.5000])
    """
    hits = _hits(gains, cutoff)
    return (hits / _ranks(hits)).amax(dim=1)


def average_precision(
    gains: Tensor, ideal: Tensor, cutoff: int | None = None
) -> Tensor:
    """Compute the mean, over all relevant passages, of the precision at their rank.

    A relevant passage that is not found within the cutoff adds 0.

    >>> average_precision(torch.tensor([[1.0, 0.0, 1.0]]), torch.tensor([[1.0, 1.0]]))
    tensor([0.8333])
    """
    hits = _hits(gains, cutoff)
    precisions = hits.cumsum(dim=1) / _ranks(hits)
    return (hits * precisions).sum(dim=1) / _relevant(ideal)


def _cut(gains: Tensor, cutoff: int | None) -> Tensor:
    # One empty rank stands for a table without any, so that `amax` has a column.
    return gains[:, :cutoff] if gains.shape[1] else gains.new_zeros(len(gains), 1)


def _hits(gains: Tensor, cutoff: int | None) -> Tensor:
    return (_cut(gains, cutoff) > 0).to(gains.dtype)


def _ranks(gains: Tensor) -> Tensor:
    return torch.arange(1, gains.shape[1] + 1, dtype=gains.dtype, device=gains.device)


def _relevant(ideal: Tensor) -> Tensor:
    # At least 1: without relevant passages there are no hits, and 0 / 1 is 0.
    return (ideal > 0).sum(dim=1).clamp(min=1)


def _dcg(gains: Tensor, cutoff: int | None) -> Tensor:
    gains = _cut(gains, cutoff)
    return (gains / torch.log2(_ranks(gains) + 1)).sum(dim=1)


_FUNCTIONS: dict[str, Callable[[Tensor, Tensor, int | None], Tensor]] = {
    "nDCG": ndcg,
    "R": recall,
    "RR": reciprocal_rank,
    "AP": average_precision,
    "P": precision,
    "Success": success,
}
# These mean nothing without a cutoff, or not what trec_eval calls by the name.
_NEED_CUTOFF = ("R", "P", "Success")
ACCEPTED = "nDCG, nDCG@k, R@k, RR, RR@k, AP, AP@k, P@k, Success@k"


@dataclass(frozen=True)
class Measure:
    """A measure by the name that ir_measures gives it, such as `nDCG@10`.

    Args:
        name: The part before the `@`: nDCG, R, RR, AP, P or Success.
        cutoff: The ranks that count, None for the whole list.

    Raises:
        ValueError: If there is no such measure.

    >>> measure = Measure.parse("nDCG@10")
    >>> measure.name, measure.cutoff, str(measure)
    ('nDCG', 10, 'nDCG@10')
    """

    name: str
    cutoff: int | None = None

    def __post_init__(self) -> None:
        if self.name not in _FUNCTIONS or (self.cutoff is not None and self.cutoff < 1):
            raise ValueError(
                f"unknown measure {str(self)!r}; accepted are {ACCEPTED} "
                "with k >= 1 (case matters)."
            )
        if self.name in _NEED_CUTOFF and self.cutoff is None:
            raise ValueError(
                f"measure {self.name!r} needs a cutoff; write for example "
                f"'{self.name}@10'."
            )

    @classmethod
    def parse(cls, text: str) -> "Measure":
        """Read a name such as `nDCG@10` or `RR`."""
        match = re.fullmatch(r"([A-Za-z]+)(?:@(\d+))?", text)
        if match is None:
            raise ValueError(f"unknown measure {text!r}; accepted are {ACCEPTED}.")
        return cls(match[1], None if match[2] is None else int(match[2]))

    def __str__(self) -> str:
        return self.name if self.cutoff is None else f"{self.name}@{self.cutoff}"

    def __call__(self, gains: Tensor, ideal: Tensor) -> Tensor:
        """Compute the values, one a query, from the two tables of this module."""
        return _FUNCTIONS[self.name](gains, ideal, self.cutoff)

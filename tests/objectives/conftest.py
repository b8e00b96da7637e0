"""Random small batches with all that is awkward about training lists."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

Batch = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


def _random_batch(seed: int) -> Batch:
    """Query, passage, lists, teacher scores and excluded rows, in float64.

    Few passages for many slots, so lists share passages and queries share positives.
    Slots are empty at random, with NaN for a teacher score; excluded rows are -1, stand
    in the query's own list, are its positive, or stand in no list at all.
    """
    generator = torch.Generator().manual_seed(seed)

    def integer(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=generator))

    queries, slots, others = integer(1, 6), integer(2, 5), integer(0, 3)
    passages, dim = integer(slots, 9), integer(2, 4)

    def embeddings(count: int) -> Tensor:
        values = torch.randn(count, dim, generator=generator, dtype=torch.float64)
        return functional.normalize(values, dim=-1).requires_grad_()

    uniform = torch.rand(queries, passages, generator=generator)
    lists = uniform.argsort(1)[:, :slots]
    empty = torch.rand(queries, slots, generator=generator) < 0.25
    empty[:, 0] = False
    teacher_scores = torch.rand(
        queries, slots, generator=generator, dtype=torch.float64
    )
    return (
        embeddings(queries),
        embeddings(passages),
        lists.masked_fill(empty, -1),
        teacher_scores.masked_fill(empty, torch.nan),
        torch.randint(-1, passages, (queries, others), generator=generator),
    )


@pytest.fixture(scope="session")
def random_batch() -> Callable[[int], Batch]:
    """Makes the batch of a seed."""
    return _random_batch


@pytest.fixture
def batch() -> Batch:
    """6 queries, 5 positives, 7 passages, lists of 4 with 6 empty slots, 3 excluded."""
    return _random_batch(5)

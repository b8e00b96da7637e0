"""What ranks tell each other: embeddings with gradient, top-k tables without.

Every function works alike with and without a process group: one process is a
world of size 1, so no caller needs to ask which of the two it runs in.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")


def is_distributed() -> bool:
    """Tell whether a process group is up."""
    return dist.is_available() and dist.is_initialized()


def rank() -> int:
    """Give this process's number, 0 without a process group."""
    return dist.get_rank() if is_distributed() else 0


def world_size() -> int:
    """Give the number of processes, 1 without a process group."""
    return dist.get_world_size() if is_distributed() else 1


def gather_with_gradient(local: Tensor, counts: Sequence[int]) -> Tensor:
    """Stack the shares of all ranks into one matrix that every rank differentiates.

    Forward, two ranks with 2 rows and 1 row::

        rank 0  local [a b]  --+--> [a b c]  on rank 0
        rank 1  local [c]    --+--> [a b c]  on rank 1

    Backward, rank 0 received the gradient [a0 b0 c0] from its part of the loss
    and rank 1 received [a1 b1 c1] from its own::

        rank 0  local.grad = [a0 + a1, b0 + b1]
        rank 1  local.grad = [c0 + c1]

    So the gradient is that of the *sum* of all ranks' losses. DDP then averages
    over ranks: scale a rank's loss by the world size to train on the sum.
    Without a process group the result is `local`.

    Args:
        local: This rank's rows, of shape (counts[rank], dimension).
        counts: Rows of each rank, in rank order; the same list on every rank.
            A share may be empty.

    Returns:
        All rows in rank order, of shape (sum(counts), dimension).

    Raises:
        ValueError: If `counts` does not fit the world or this rank's rows.

    >>> gather_with_gradient(torch.tensor([[1.0], [2.0]]), [2])
    tensor([[1.],
            [2.]])
    """
    _check_counts(local, counts)
    if not is_distributed():
        return local
    gathered: Tensor = _GatherWithGradient.apply(local, list(counts))  # type: ignore[no-untyped-call]
    return gathered


def all_gather_variable(local: Tensor, counts: Sequence[int] | None = None) -> Tensor:
    """Stack the shares of all ranks, of any number of rows each, without gradient.

    Args:
        local: This rank's rows, of shape (rows, ...); the other sizes and the
            type agree on all ranks.
        counts: Rows of each rank where the caller knows them; else they are
            exchanged first.

    Returns:
        All rows in rank order, the same on every rank.

    >>> all_gather_variable(torch.tensor([3, 4]))
    tensor([3, 4])
    """
    local = local.detach()
    if counts is None:
        counts = gather_object(len(local))
    _check_counts(local, counts)
    return _stack_shares(local, counts) if is_distributed() else local


def gather_object(value: T) -> list[T]:
    """Give every rank the values of all ranks, in rank order.

    Args:
        value: Anything that can be pickled; small, for it travels as bytes.

    >>> gather_object("only")
    ['only']
    """
    if not is_distributed():
        return [value]
    values: list[Any] = [None] * world_size()
    dist.all_gather_object(values, value)
    return values


def _check_counts(local: Tensor, counts: Sequence[int]) -> None:
    if len(counts) != world_size():
        raise ValueError(
            f"counts has {len(counts)} entries for {world_size()} ranks; "
            "give the number of rows of each rank, in rank order."
        )
    if counts[rank()] != len(local):
        raise ValueError(
            f"rank {rank()} holds {len(local)} rows, but counts[{rank()}] is "
            f"{counts[rank()]}; deal out the rows and count them by one rule."
        )


def _stack_shares(local: Tensor, counts: Sequence[int]) -> Tensor:
    # Not every backend gathers uneven shares, so each is padded to the largest.
    padded = local.new_zeros((max(counts), *local.shape[1:]))
    padded[: len(local)] = local
    shares = [torch.empty_like(padded) for _ in counts]
    dist.all_gather(shares, padded)
    return torch.cat([share[:n] for share, n in zip(shares, counts, strict=True)])


class _GatherWithGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, local: Tensor, counts: list[int]) -> Tensor:
        start = sum(counts[: rank()])
        ctx.own = slice(start, start + len(local))
        return _stack_shares(local, counts)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        # A reduce-scatter would move half as much, but gloo lacks it in some
        # versions, and next to the encoder's work neither is felt. The clone keeps
        # autograd's buffer, which other nodes may read, out of the in-place sum.
        total = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total, op=dist.ReduceOp.SUM)
        return total[ctx.own], None

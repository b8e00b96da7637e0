"""Measures the loss stage alone: listwise KL + 0.1 x InfoNCE, forward and backward.

Ours against the same objective written in two other styles, with a column for every
slot of every list: one select a slot with masks set in Python loops ("row_selects"),
and one dense matrix in float64 ("dense_float64"). Both sides run in one process with
the same number of threads, in turn; the ratio is the median over the turns. Peak memory
is that of a fresh process for each side. One JSON line a result.

    python benchmarks/loss.py --quick    # under five minutes
    python benchmarks/loss.py            # also row_selects at 512 queries, some minutes
"""

import argparse
import json
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass

import torch
from torch import Tensor
from torch.nn import functional

from dr_lightning.objectives import InfoNCE, ListwiseKL, WeightedSum

Loss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
GIB = 2**30


@dataclass(frozen=True)
class Case:
    """One comparison: a batch's size, and whom to compare with (None: nobody)."""

    queries: int
    passages: int
    peer: str | None
    repeats: int
    slots: int = 20
    dim: int = 384


# Lists that share nothing are the worst case; 5,000 distinct passages are what a small
# corpus gives. The dense matrix of 4,096 x 81,920 in float64 does not fit: 2.5 GiB a
# copy, several copies.
QUICK = [
    Case(128, 2_560, "row_selects", 3),
    Case(512, 5_000, "dense_float64", 5),
    Case(512, 10_240, "dense_float64", 5),
    Case(4_096, 5_000, None, 1),
    Case(4_096, 81_920, None, 1),
]
FULL = [*QUICK, Case(512, 10_240, "row_selects", 1)]


def ours(query: Tensor, passage: Tensor, lists: Tensor, teacher: Tensor) -> Tensor:
    """The project's objective."""
    objective = WeightedSum([ListwiseKL(), InfoNCE()], [1.0, 0.1])
    value: Tensor = objective(query, passage, lists, teacher)
    return value


def row_selects(
    query: Tensor, passage: Tensor, lists: Tensor, teacher: Tensor
) -> Tensor:
    """One select a slot, and a mask that is written one element at a time."""
    slots = passage[lists.flatten()]
    scores = torch.stack([query @ slots[n] for n in range(len(slots))], dim=1)
    rows = lists.tolist()
    kept = torch.ones_like(scores, dtype=torch.bool)
    for i, own in enumerate(rows):
        threshold = 0.6 * teacher[i, 0].item()
        masked = {
            row
            for row, score in zip(own, teacher[i].tolist(), strict=True)
            if score > threshold
        }
        masked.add(own[0])
        for n, row in enumerate(row for other in rows for row in other):
            if row in masked:
                kept[i, n] = False
    return combine(scores.double(), kept, teacher.double())


def dense_float64(
    query: Tensor, passage: Tensor, lists: Tensor, teacher: Tensor
) -> Tensor:
    """One matrix with a column for every slot, in float64."""
    scores = query.double() @ passage[lists.flatten()].double().T
    masked = torch.zeros(len(query), len(passage), dtype=torch.bool)
    masked.scatter_(1, lists, teacher > 0.6 * teacher[:, :1])
    masked.scatter_(1, lists[:, :1], True)
    return combine(scores, ~masked[:, lists.flatten()], teacher.double())


def combine(scores: Tensor, kept: Tensor, teacher: Tensor) -> Tensor:
    """KL + 0.1 x InfoNCE from the scores of all queries with all slots."""
    queries, length = teacher.shape
    own = scores.view(queries, queries, length).diagonal().T
    kl = functional.kl_div(
        (own / 0.05).log_softmax(1), (teacher / 0.3).softmax(1), reduction="batchmean"
    )
    negatives = (scores / 0.01).masked_fill(~kept, -torch.inf)
    positive = own[:, :1] / 0.01
    normaliser = torch.cat([positive, negatives], dim=1).logsumexp(1)
    return kl + 0.1 * (normaliser - positive[:, 0]).mean()


SIDES: dict[str, Loss] = {
    "ours": ours,
    "row_selects": row_selects,
    "dense_float64": dense_float64,
}


def batch(case: Case) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Random unit embeddings and lists, without overlap where passages suffice."""
    torch.manual_seed(13)

    def embeddings(count: int) -> Tensor:
        return functional.normalize(torch.randn(count, case.dim)).requires_grad_()

    if case.passages == case.queries * case.slots:
        lists = torch.randperm(case.passages).view(case.queries, case.slots)
    else:
        lists = torch.stack(
            [torch.randperm(case.passages)[: case.slots] for _ in range(case.queries)]
        )
    teacher = torch.rand(case.queries, case.slots).sort(1, descending=True).values
    return embeddings(case.queries), embeddings(case.passages), lists, teacher


@dataclass(frozen=True)
class Turn:
    """One forward and backward pass: its times, the value and the gradients."""

    seconds: float
    cpu_seconds: float
    found: list[Tensor]


def step(side: str, inputs: tuple[Tensor, ...]) -> Turn:
    """Runs one side once."""
    start, cpu_start = time.perf_counter(), time.process_time()
    value = SIDES[side](*inputs)
    gradients = torch.autograd.grad(value, inputs[:2])
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    return Turn(seconds, cpu_seconds, [value.detach(), *gradients])


def prepare(case: Case, sides: list[str], threads: int) -> tuple[Tensor, ...]:
    """Sets the threads, warms each side up on a small batch, and makes the batch."""
    torch.set_num_threads(threads)
    for side in sides:
        step(side, batch(Case(16, 320, None, 1)))
    return batch(case)


def compare(case: Case, peer: str, threads: int) -> dict[str, object]:
    """Seconds of both sides in turn, and how far their results are apart."""
    inputs = prepare(case, ["ours", peer], threads)
    turns = [(step("ours", inputs), step(peer, inputs)) for _ in range(case.repeats)]
    mine, other = turns[0]
    gaps = zip(mine.found[1:], other.found[1:], strict=True)
    median = statistics.median
    return {
        "times_faster": round(median(b.seconds / a.seconds for a, b in turns), 1),
        "times_less_cpu": round(
            median(b.cpu_seconds / a.cpu_seconds for a, b in turns), 1
        ),
        "seconds": round(median(a.seconds for a, _ in turns), 3),
        "peer_seconds": round(median(b.seconds for _, b in turns), 3),
        "value_difference": abs(mine.found[0] - other.found[0]).item(),
        "gradient_difference": max((a - b).abs().max().item() for a, b in gaps),
    }


def alone(case: Case, side: str, threads: int) -> dict[str, object]:
    """Time and peak resident memory of one pass, and what stood there before."""
    inputs = prepare(case, [side], threads)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    turn = step(side, inputs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "seconds": round(turn.seconds, 3),
        "cpu_seconds": round(turn.cpu_seconds, 3),
        "value": turn.found[0].item(),
        # Linux counts in KiB.
        "gib_before": round(before * 1024 / GIB, 2),
        "gib_peak": round(peak * 1024 / GIB, 2),
    }


def fresh(
    function: Callable[[Case, str, int], dict[str, object]],
    case: Case,
    side: str,
    threads: int,
) -> dict[str, object]:
    """Calls a function in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, case, side, threads).result()


def results(cases: list[Case], threads: int) -> Iterator[dict[str, object]]:
    """One result a case."""
    for case in cases:
        found: dict[str, object] = asdict(case) | {"threads": threads}
        found["ours"] = fresh(alone, case, "ours", threads)
        if case.peer is not None:
            found[case.peer] = fresh(alone, case, case.peer, threads)
            found["in_turn"] = fresh(compare, case, case.peer, threads)
        yield found


def main() -> None:
    """Reads the options and prints a line a case."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="under five minutes")
    parser.add_argument("--threads", type=int, default=1, help="of both sides")
    options = parser.parse_args()
    for result in results(QUICK if options.quick else FULL, options.threads):
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()

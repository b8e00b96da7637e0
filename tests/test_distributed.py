from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor
from torch.multiprocessing.spawn import spawn

from dr_lightning.distributed import (
    all_gather_variable,
    gather_object,
    gather_with_gradient,
    is_distributed,
    rank,
    world_size,
)

ROOT = Path(__file__).parent.parent
SHARES = [[2, 2], [3, 1], [0, 4], [4, 0], [0, 0]]


def test_one_process_is_a_world_of_one() -> None:
    assert (is_distributed(), rank(), world_size()) == (False, 0, 1)


def test_gather_is_the_identity_without_a_group() -> None:
    local = torch.randn(3, 2, requires_grad=True)
    assert gather_with_gradient(local, [3]) is local
    assert torch.equal(all_gather_variable(local), local)
    assert not all_gather_variable(local).requires_grad
    assert gather_object({"a": 1}) == [{"a": 1}]


def test_counts_must_fit_the_world_and_the_share() -> None:
    with pytest.raises(ValueError, match="counts has 2 entries for 1 ranks"):
        gather_with_gradient(torch.zeros(3, 2), [3, 1])
    with pytest.raises(ValueError, match=r"rank 0 holds 3 rows, but counts\[0\] is 2"):
        all_gather_variable(torch.zeros(3, 2), [2])


def _rows(counts: list[int]) -> Tensor:
    return torch.linspace(-1.0, 1.0, sum(counts) * 3).reshape(-1, 3)


def _loss(rows: Tensor, process: int) -> Tensor:
    # Unlike on each rank, and not linear, so that no error can cancel.
    return ((rows + process) ** 3).sum() + (rows @ rows.T).sum()


def _gather_each_share(process: int, folder: str) -> None:
    store = f"file://{folder}/store"
    dist.init_process_group("gloo", init_method=store, rank=process, world_size=2)
    results: list[dict[str, Any]] = []
    for counts in SHARES:
        local = torch.split(_rows(counts), counts)[process].clone().requires_grad_()
        rows = gather_with_gradient(local, counts)
        _loss(rows, process).backward()  # type: ignore[no-untyped-call]
        table = torch.full((counts[process], 2), process)
        results.append(
            {
                "rows": rows.detach(),
                "gradient": local.grad,
                "table": all_gather_variable(table),
                "objects": gather_object(f"rank {rank()} of {world_size()}"),
            }
        )
    torch.save(results, f"{folder}/{process}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_equal_one_with_the_whole_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT)  # the children import this file by its name
    spawn(_gather_each_share, (str(tmp_path),), nprocs=2)  # type: ignore[no-untyped-call]
    ranks = [torch.load(tmp_path / f"{process}.pt") for process in (0, 1)]
    for case, counts in enumerate(SHARES):
        whole = _rows(counts).requires_grad_()
        (_loss(whole, 0) + _loss(whole, 1)).backward()  # type: ignore[no-untyped-call]
        assert whole.grad is not None
        gradients = torch.cat([results[case]["gradient"] for results in ranks])
        torch.testing.assert_close(gradients, whole.grad)
        for results in ranks:
            torch.testing.assert_close(results[case]["rows"], whole.detach())
            assert results[case]["table"].tolist() == (
                [[0, 0]] * counts[0] + [[1, 1]] * counts[1]
            )
            assert results[case]["objects"] == ["rank 0 of 2", "rank 1 of 2"]

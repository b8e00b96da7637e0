"""Two processes train as one does: the same losses, the same weights, step by step."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.multiprocessing.spawn import spawn

from dr_lightning.callbacks import (
    EvaluateBase,
    EvaluateRetrieval,
    ExportEncoder,
    RunSummary,
    StopEarly,
)
from dr_lightning.callbacks.evaluate_retrieval import SubCorpus
from dr_lightning.data import PlainBatches, SourceBatches
from tests.training_runs import Run, train, write_lists

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
QUERIES = 17


def callbacks() -> list[Callback]:
    return [
        EvaluateBase(),
        EvaluateRetrieval(["nDCG@10", "R@5"], sub_corpus=SubCorpus(top=2, random=3)),
        ModelCheckpoint(monitor="val/loss", filename="{step}"),
        StopEarly(),
        RunSummary(),
        ExportEncoder(),
    ]


EXACT = {"precision": "64-true"}
RUNS = {
    # The last batch has one query: one rank answers for none.
    "float64": Run(trainer=EXACT),
    "odd size": Run(PlainBatches(3), trainer=EXACT),
    "single queries": Run(PlainBatches(1), trainer=EXACT | {"max_epochs": 1}),
    "accumulated": Run(trainer=EXACT | {"accumulate_grad_batches": 2}),
    "no recompute": Run(SourceBatches(4), recompute=False, trainer=EXACT),
    "float32": Run(),
    "bfloat16": Run(trainer={"precision": "bf16-mixed"}),
    "evaluated": Run(
        trainer=EXACT | {"limit_val_batches": 1.0, "enable_checkpointing": True},
        callbacks=callbacks,
    ),
}
# float64: rounding alone. float32: AdamW divides by small second moments, which makes
# a step's rounding as large as some of the steps. bfloat16: three decimal digits, and
# other micro-batches round otherwise.
LOSS = {"float32": 1e-5, "bfloat16": 2e-2}
WEIGHT = {"float32": 1e-4, "bfloat16": 1e-2}


def _rank(process: int, port: int, folder: str) -> None:
    os.environ |= {
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(port),
        "LOCAL_RANK": str(process),
        "NODE_RANK": "0",
    }
    torch.set_num_threads(1)
    results: dict[str, Any] = {}
    data, home = Path(folder) / "data", Path(folder) / "two"
    for name, run in RUNS.items():
        results[name] = train(run, data, home / name, devices=2)
    try:
        sharded = Run(trainer={"use_distributed_sampler": True})
        train(sharded, data, home / "sharded", devices=2)
    except ValueError as error:
        results["sharded"] = str(error)
    torch.save(results, f"{folder}/{process}.pt")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ddp")
    write_lists(folder / "data", QUERIES)
    return folder


@pytest.fixture(scope="module")
def ranks(folder: Path) -> Iterator[list[dict[str, Any]]]:
    with socket.socket() as free, pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)  # the children import this file by its name
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
        free.close()
        spawn(_rank, (port, str(folder)), nprocs=2)  # type: ignore[no-untyped-call]
    yield [torch.load(folder / f"{process}.pt") for process in (0, 1)]


@pytest.mark.parametrize("name", RUNS)
def test_two_processes_train_as_one(
    name: str, folder: Path, ranks: list[dict[str, Any]]
) -> None:
    one = train(RUNS[name], folder / "data", folder / "one" / name)
    size = RUNS[name].order.size
    assert one["step"] > 4
    print(name, one["step"], size)
    for rank in ranks:
        two = rank[name]
        assert two["step"] == one["step"]
        print((two["losses"]- one["losses"]).abs().max(), max((v-one["weights"][k]).abs().max() for k,v in two["weights"].items()))

"""A run that was killed and taken up again ends as one that was not."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from dr_lightning.callbacks import (
    EvaluateBase,
    EvaluateRetrieval,
    RunSummary,
    StopEarly,
)
from dr_lightning.callbacks.sub_corpus import SubCorpus
from dr_lightning.data.training_lists import ListSampling
from tests.stopped_runs import Save, Terminate, extended, same
from tests.training_runs import Run, train, write_lists

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
QUERIES = 18  # 5 batches an epoch, the last one of 2 queries
VALIDATED: dict[str, Any] = {"limit_val_batches": 1.0}


class KillInValidation(Callback):
    """Kills the process when a validation has begun."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_validation_batch_end(self, trainer: Trainer, *arguments: Any) -> None:
        if trainer.global_step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


def evaluation() -> list[Callback]:
    return [
        EvaluateBase(),
        EvaluateRetrieval(["nDCG@10"], sub_corpus=SubCorpus(top=1, random=2)),
        StopEarly(patience=9),
        RunSummary(),
    ]


RUNS = {
    "plain": Run(),
    "accumulated": Run(trainer={"accumulate_grad_batches": 2}),
    "workers": Run(workers=2),
    "random lists": Run(sampling=ListSampling(3, "random"), workers=2),
    "dropout": Run(dropout=0.3),
    "dropout, accumulated": Run(dropout=0.3, trainer={"accumulate_grad_batches": 2}),
    "evaluated": Run(dropout=0.3, trainer=VALIDATED, callbacks=evaluation),
    "evaluated inside": Run(
        dropout=0.3,
        trainer=VALIDATED | {"val_check_interval": 2},
        callbacks=evaluation,
    ),
    "evaluated, accumulated": Run(
        dropout=0.3,
        trainer=VALIDATED | {"val_check_interval": 3, "accumulate_grad_batches": 2},
        callbacks=evaluation,
    ),
    "by steps": Run(trainer=VALIDATED | {"max_epochs": -1, "max_steps": 12}),
    "evaluated, by steps": Run(
        trainer=VALIDATED | {"max_epochs": -1, "max_steps": 12}, callbacks=evaluation
    ),
}


def _alone(job: Callable[[], Any]) -> None:
    torch.set_num_threads(1)
    # As in a usual process: workers of a fork server would outlive a killed parent.
    multiprocessing.set_start_method("fork", force=True)
    job()


def exit_code(job: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> int:
    """Runs a job in a process of its own, forked from one that only has imports."""
    monkeypatch.syspath_prepend(ROOT)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["dr_lightning.training", "tests.training_runs"])
    process = context.Process(target=_alone, args=(job,))
    process.start()
    process.join(600)
    assert process.exitcode is not None
    return process.exitcode


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As in the killed process: sums over threads round by the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lists(tmp_path_factory.mktemp("resume") / "data", QUERIES)


@pytest.fixture(scope="module")
def whole(data: Path) -> Callable[[str], dict[str, Any]]:
    """The runs that nothing stops, each made once; with a checkpoint a step."""
    done: dict[str, dict[str, Any]] = {}

    def run(name: str) -> dict[str, Any]:
        if name not in done:
            folder = data.parent / name
            done[name] = train(
                extended(RUNS[name], Save(folder / "saved")), data, folder
            )
        return done[name]

    return run


def resumed(run: Run, data: Path, home: Path, checkpoint: Path) -> dict[str, Any]:
    folder = home / "resumed"
    return train(
        extended(run, Save(folder / "saved")), data, folder, ckpt_path=str(checkpoint)
    )


# Optimizer steps: 5 an epoch, accumulated 3. First and last of an epoch, and between.
MOMENTS = [
    *(("plain", step) for step in (1, 4, 5, 6)),
    *(("accumulated", step) for step in (1, 3, 4)),
    *(("workers", step) for step in (4, 5)),
    ("random lists", 3),
    *(("dropout", step) for step in (2, 5)),
    *(("dropout, accumulated", step) for step in (2, 3)),
    *(("evaluated", step) for step in (3, 5)),
    *(("evaluated inside", step) for step in (2, 3, 5)),
]


def killed_after(name: str, data: Path, folder: Path, step: int) -> None:
    train(extended(RUNS[name], Save(folder / "saved", step)), data, folder)


@pytest.mark.parametrize(("name", "step"), MOMENTS)
def test_killed_after_a_step(
    name: str,
    step: int,
    data: Path,
    tmp_path: Path,
    whole: Callable[[str], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = partial(killed_after, name, data, tmp_path, step)
    assert exit_code(job, monkeypatch) == -signal.SIGKILL
    checkpoint = tmp_path / "saved" / f"step={step}.ckpt"
    same(whole(name), resumed(RUNS[name], data, tmp_path, checkpoint))


def killed_validating(name: str, data: Path, folder: Path, step: int) -> None:
    run = extended(RUNS[name], KillInValidation(step), Save(folder / "saved"))
    train(run, data, folder)


def test_killed_in_a_validation(
    data: Path,
    tmp_path: Path,
    whole: Callable[[str], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = partial(killed_validating, "evaluated", data, tmp_path, 5)
    assert exit_code(job, monkeypatch) == -signal.SIGKILL
    checkpoint = tmp_path / "saved" / "step=5.ckpt"
    same(whole("evaluated"), resumed(RUNS["evaluated"], data, tmp_path, checkpoint))


def terminated(name: str, data: Path, folder: Path, batch: int) -> None:
    train(extended(RUNS[name], Terminate(batch), Save(folder / "saved")), data, folder)


# Optimizer steps done when the batch that the signal came in has ended.
STEPS = {2: 1, 3: 2, 4: 3, 5: 3}


@pytest.mark.parametrize("batch", STEPS)
def test_terminated_in_a_batch(
    batch: int,
    data: Path,
    tmp_path: Path,
    whole: Callable[[str], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Inside an accumulation, at its end, in the last and in the first of an epoch."""
    job = partial(terminated, "dropout, accumulated", data, tmp_path, batch)
    assert exit_code(job, monkeypatch) == 0  # Lightning leaves as from `sys.exit()`
    last = max((tmp_path / "saved").glob("*.ckpt"), key=lambda path: path.name)
    assert last.name == f"step={STEPS[batch]}.ckpt"
    run = RUNS["dropout, accumulated"]
    same(whole("dropout, accumulated"), resumed(run, data, tmp_path, last))


def saver(folder: Path) -> ModelCheckpoint:
    """Saves when the run breaks off, and not before."""
    return ModelCheckpoint(
        folder, "{step}", every_n_train_steps=1000, save_on_exception=True
    )


def excepted(name: str, data: Path, folder: Path, batch: int) -> None:
    run = extended(RUNS[name], Terminate(batch), saver(folder / "saved"))
    train(run, data, folder)


@pytest.mark.parametrize("batch", STEPS)
def test_saved_on_an_exception(
    batch: int,
    data: Path,
    tmp_path: Path,
    whole: Callable[[str], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The gradient of half an accumulation is not in the file: it is made again."""
    job = partial(excepted, "dropout, accumulated", data, tmp_path, batch)
    assert exit_code(job, monkeypatch) == 0
    checkpoint = str(tmp_path / "saved" / f"step={STEPS[batch]}.ckpt")
    again = extended(RUNS["dropout, accumulated"], saver(tmp_path / "resumed"))
    result = train(again, data, tmp_path / "resumed", ckpt_path=checkpoint)
    same(whole("dropout, accumulated"), result)


def savers(folder: Path) -> list[Callback]:
    """After each validation, and at the end of each epoch."""
    return [
        ModelCheckpoint(
            folder, "val-{step}", monitor="val/loss", save_top_k=-1, save_last="link"
        ),
        ModelCheckpoint(
            folder, "epoch-{step}", save_top_k=-1, save_on_train_epoch_end=True
        ),
    ]


# Without the base Lightning saves after an epoch, one that was not validated too.
@pytest.mark.filterwarnings("ignore:.*could not find the monitored key")
@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("evaluated inside", 8),
        ("evaluated, accumulated", 6),
        ("by steps", 6),
        ("evaluated, by steps", 7),
    ],
)
def test_checkpoints_of_validations_and_epochs_are_as_good(
    name: str,
    files: int,
    data: Path,
    tmp_path: Path,
    whole: Callable[[str], dict[str, Any]],
) -> None:
    run = RUNS[name]
    train(extended(run, *savers(tmp_path / "saved")), data, tmp_path)
    found = sorted((tmp_path / "saved").glob("*-step=*.ckpt"))
    assert len(found) == files
    for number, checkpoint in enumerate(found):
        home = tmp_path / str(number)
        again = extended(run, *savers(home / "saved"))
        result = train(again, data, home, ckpt_path=str(checkpoint))
        same(whole(name), result)

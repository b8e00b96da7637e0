"""The trial of rates leaves nothing behind but the rate."""

from pathlib import Path

import polars as pl
import pytest
import torch
from lightning.pytorch.callbacks import LearningRateMonitor
from lightning.pytorch.loggers import CSVLogger

from dr_lightning.callbacks import EvaluateBase, EvaluateRetrieval, FindLearningRate
from tests.fit_command import ADDED, fit, logged
from tests.stopped_runs import Save, extended, same
from tests.training_runs import Run, train, write_lists

STEPS = 20


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lists(tmp_path_factory.mktemp("rates") / "data", 18)


def run(*trials: FindLearningRate) -> Run:
    """With dropout, accumulation, a calibrated objective and validations."""
    options = {"limit_val_batches": 1.0, "accumulate_grad_batches": 2}
    return Run(
        dropout=0.3,
        trainer=options,
        callbacks=lambda: [EvaluateBase(), EvaluateRetrieval(["nDCG@10"]), *trials],
    )


def trial(apply: bool) -> FindLearningRate:
    return FindLearningRate(1e-5, 1e-2, STEPS, apply=apply)


@pytest.mark.slow
def test_weights_losses_data_and_random_numbers_are_those_of_a_run_without(
    data: Path, tmp_path: Path
) -> None:
    saved = tmp_path / "saved"
    plain = train(run(), data, tmp_path / "plain")
    tried = train(
        extended(run(trial(apply=False)), Save(saved)), data, tmp_path / "tried"
    )
    same(plain, tried)
    rates = pl.read_csv(tmp_path / "tried" / "learning_rates.csv")
    assert rates["lr"].to_list()[:1] == [1e-5]
    assert rates["lr"].is_sorted()
    # Lightning skips the step that ends an epoch inside an accumulation: 1 of 3 here.
    assert len(rates) == 14
    again = extended(run(trial(apply=False)), Save(tmp_path / "again"))
    checkpoint = str(saved / "step=2.ckpt")
    resumed = train(again, data, tmp_path / "resumed", ckpt_path=checkpoint)
    same(plain, resumed)
    assert not (tmp_path / "resumed" / "learning_rates.csv").exists()
    assert not list(tmp_path.rglob(".lr_find*"))


def rates_of(folder: Path, data: Path, *trials: FindLearningRate) -> torch.Tensor:
    logger = CSVLogger(folder, name="", version="")
    monitor = LearningRateMonitor("step")
    train(extended(run(*trials), monitor, logger=logger), data, folder)
    frame = pl.read_csv(folder / "metrics.csv")
    return torch.tensor(frame["lr-AdamW"].drop_nulls().to_list())


@pytest.mark.slow
def test_the_schedule_has_the_suggestion_for_its_peak(
    data: Path, tmp_path: Path
) -> None:
    """The base rate of the runs is 1e-3; every step's rate is scaled alike."""
    found = trial(apply=True)
    plain = rates_of(tmp_path / "plain", data)
    scaled = rates_of(tmp_path / "scaled", data, found)
    assert found.optimal_lr is not None
    suggestion = found.optimal_lr.suggestion()
    assert suggestion is not None
    assert suggestion in found.optimal_lr.results["lr"]
    torch.testing.assert_close(scaled, plain * (suggestion / 1e-3))
    assert len(plain) >= 6


def test_it_is_added_in_yaml(tmp_path: Path) -> None:
    steps = ["--trainer.callbacks.steps=20", "--trainer.callbacks.max_lr=0.1"]
    name = ADDED / "find_learning_rate.yaml"
    run = fit(tmp_path, f"--trainer.callbacks+={name}", *steps)
    assert len(pl.read_csv(run / "learning_rates.csv")) > 10
    assert list(logged(run, "train/loss")) == list(range(8))


def test_rates_at_which_the_loss_only_rises_are_told(
    data: Path, tmp_path: Path
) -> None:
    mad = FindLearningRate(1e6, 1e8, STEPS)
    with pytest.raises(ValueError, match="no learning rate can be suggested"):
        train(run(mad), data, tmp_path)


def test_too_few_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="steps must be at least 13, but got 12"):
        FindLearningRate(steps=12)

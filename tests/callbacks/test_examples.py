"""Pages of examples in a run: which queries, where they go, what a resume keeps."""

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from lightning.pytorch.loggers import MLFlowLogger, WandbLogger

from dr_lightning.callbacks import EvaluateBase, EvaluateRetrieval, Examples
from dr_lightning.callbacks.logged_text import log_text
from tests.fit_command import ADDED, callbacks, fit, part
from tests.stopped_runs import Save, extended
from tests.training_runs import Run, train, write_lists

FAST = "--model.optimizer.lr=3e-3"
ADD = f"--trainer.callbacks+={ADDED / 'examples'}.yaml"


def shown(page: Path) -> list[str]:
    """Ids of the queries on a page."""
    return re.findall(r"query `(\w+)`", page.read_text("utf-8"))


def changed(run: Path, step: int, count: int) -> list[str]:
    """Ids of the queries whose nDCG@10 differs most, from the files of the run."""
    base, now = (
        pl.read_parquet(run / "retrieval" / f"val-{at}" / "tiny.per_query.parquet")
        for at in (0, step)
    )
    change = (now["nDCG@10"] - base["nDCG@10"]).abs()
    return base["query_id"].gather(change.arg_sort(descending=True))[:count].to_list()


def test_the_queries_that_changed_most_are_shown(tmp_path: Path) -> None:
    run = fit(tmp_path, FAST, ADD, "--trainer.callbacks.count=3")
    pages = run / "examples"
    assert {page.name for page in pages.iterdir()} == {
        "step-0.md",
        "step-4.md",
        "step-8.md",
    }
    assert shown(pages / "step-0.md") == ["q00", "q01", "q02"]
    per_query = pl.read_parquet(
        run / "retrieval" / "val-8" / "tiny.per_query.parquet"
    ).row(by_predicate=pl.col("query_id") == shown(pages / "step-8.md")[0], named=True)
    text = (pages / "step-8.md").read_text("utf-8")
    assert f"nDCG@10 {per_query['nDCG@10']:.3f} (base " in text
    # Equal changes may stand in any order.
    assert shown(pages / "step-8.md")[0] == changed(run, 8, 1)[0]


def test_chosen_queries_are_shown_in_their_order(tmp_path: Path) -> None:
    run = fit(tmp_path, ADD, "--trainer.callbacks.queries=[q21, q00]")
    for page in (run / "examples").iterdir():
        assert shown(page) == ["q21", "q00"]


def test_tensorboard_has_the_page(tmp_path: Path) -> None:
    logger = part("TensorBoardLogger", save_dir=str(tmp_path / "runs"), name="run")
    path = tmp_path / "logger.yaml"
    path.write_text(f"{logger}", "utf-8")
    given = [f"--trainer.logger={path}"]
    run = fit(tmp_path, ADD, *given)
    page = (run / "examples" / "step-8.md").read_text("utf-8")
    (events,) = run.glob("events.out.tfevents.*")
    written = events.read_bytes()
    assert page.encode() in written
    assert b"examples" in written


class Recorded:
    """Stands for the client of a logger whose package is not installed."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def log_text(self, *arguments: Any, **named: Any) -> None:
        self.calls.append((*arguments, *named.values()))


def test_weights_and_biases_has_a_table_and_mlflow_the_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table, client = Recorded(), Recorded()
    wandb = WandbLogger.__new__(WandbLogger)
    mlflow = MLFlowLogger.__new__(MLFlowLogger)
    monkeypatch.setattr(wandb, "log_text", table.log_text)
    monkeypatch.setattr(MLFlowLogger, "experiment", client)
    monkeypatch.setattr(MLFlowLogger, "run_id", "run")
    for logger in (wandb, mlflow):
        log_text(logger, "examples", "# Page", ["rank"], [[1]], 8)
    assert table.calls == [("examples", ["rank"], [[1]], 8)]
    assert client.calls == [("run", "# Page", "examples/step-8.md")]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lists(tmp_path_factory.mktemp("examples") / "data", 18)


def test_a_resumed_run_compares_with_the_first_base(data: Path, tmp_path: Path) -> None:
    run = Run(
        trainer={"limit_val_batches": 1.0},
        callbacks=lambda: [
            EvaluateBase(),
            EvaluateRetrieval(["nDCG@10", "R@5"]),
            Examples(count=4),
        ],
    )
    train(extended(run, Save(tmp_path / "saved")), data, tmp_path / "whole")
    checkpoint = str(tmp_path / "saved" / "step=3.ckpt")
    again = extended(run, Save(tmp_path / "again"))
    train(again, data, tmp_path / "resumed", ckpt_path=checkpoint)
    page = Path("examples") / "step-10.md"
    assert (tmp_path / "resumed" / page).read_text("utf-8") == (
        tmp_path / "whole" / page
    ).read_text("utf-8")
    assert not (tmp_path / "resumed" / "examples" / "step-0.md").exists()


def test_an_unknown_query_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"queries \['q99'\] have no judgement in"):
        fit(tmp_path, ADD, "--trainer.callbacks.queries=[q00, q99]")


@pytest.mark.parametrize(
    ("others", "collections"),
    [(["EvaluateBase"], None), (["EvaluateBase", "EvaluateRetrieval"], "[]")],
)
def test_nothing_found_is_told(
    others: list[str], collections: str | None, tmp_path: Path
) -> None:
    more = [f"--data.collections.validation={collections}"] if collections else []
    with pytest.raises(ValueError, match="shows what EvaluateRetrieval finds"):
        fit(tmp_path, callbacks(tmp_path, *others, "Examples"), *more)


@pytest.mark.parametrize("name", ["count", "depth"])
def test_less_than_one_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, but got 0"):
        Examples(**{name: 0})  # type: ignore[arg-type]

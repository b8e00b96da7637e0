"""Callbacks that are added in YAML: each file does what its header says, in a run."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
import yaml
from safetensors.torch import load_file

from dr_lightning.cli import main
from tests.fit_command import (
    ADDED,
    CONFIG,
    ROOT,
    callbacks,
    fit,
    logged,
    newest,
    part,
)

LIST = ADDED.parent / "small_corpus.yaml"  # what the tests' config has
RUINOUS = "--model.optimizer.lr=10"
# What a checkpoint of averaged weights is read with, outside of `fit`.
OUTSIDE = "ignore:.*loading a checkpoint outside the 'fit' stage"


def added(name: str) -> str:
    return f"--trainer.callbacks+={ADDED / name}.yaml"


def record(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "run.json").read_text("utf-8"))
    return found


@pytest.mark.parametrize(
    ("monitor", "mode"),
    [("val/loss", "min"), ("val/nDCG@10", "max"), ("val/tiny/R@5", "max")],
)
def test_stop_and_checkpoint_on_any_metric_count_the_base(
    monitor: str, mode: str, tmp_path: Path
) -> None:
    watch = {"monitor": monitor, "mode": mode}
    chosen = callbacks(
        tmp_path,
        part("EarlyStopping", patience=2, **watch),
        "EvaluateBase",
        part("EvaluateRetrieval", measures=["nDCG@10", "R@5"]),
        part("ModelCheckpoint", filename="{step}", **watch),
        "RunSummary",
    )
    run = fit(tmp_path, chosen, RUINOUS, "--trainer.max_epochs=6")
    # The base, then two evaluations of a worse model, however much better the second.
    assert [one["step"] for one in record(run)["evaluations"]] == [0, 4, 8]
    assert record(run)["selected_step"] == 0


def test_the_list_that_selects_by_ndcg_keeps_a_base_that_is_best(
    tmp_path: Path,
) -> None:
    chosen = f"--trainer.callbacks={ADDED.parent / 'select_by_ndcg.yaml'}"
    run = fit(tmp_path, chosen, RUINOUS)
    assert record(run)["selected_step"] == 0
    assert (run / "checkpoints" / "step-0.ckpt").is_file()


def test_the_best_recall_is_kept_beside_the_lowest_loss(tmp_path: Path) -> None:
    run = fit(tmp_path, added("keep_best_recall"), RUINOUS)
    saved = {path.name for path in (run / "checkpoints").iterdir()}
    assert {"step-0.ckpt", "recall-0.ckpt", "last.ckpt"} <= saved
    assert record(run)["selected_step"] == 0


def test_what_is_watched_is_logged(tmp_path: Path) -> None:
    run = fit(tmp_path, added("watch"), "--trainer.callbacks.sample=4")
    for key in ("grad_norm", "queries_per_second", "passages_per_second"):
        values = logged(run, f"train/{key}")
        assert list(values) == list(range(8))
        assert min(values.values()) > 0
    assert logged(run, "train/memory_gib")[7] > 0.05
    assert logged(run, "lr-AdamW")[7] > 0
    drift = [one["val/drift/query_to_base"] for one in record(run)["evaluations"]]
    assert drift[0] == pytest.approx(1)
    assert drift[2] < 1 - 1e-6


def test_lightning_s_device_monitor_may_be_added(tmp_path: Path) -> None:
    run = fit(tmp_path, "--trainer.callbacks+=DeviceStatsMonitor")
    columns = pl.read_csv(run / "metrics.csv").columns
    assert "DeviceStatsMonitor.on_train_batch_end/cpu_percent" in columns


@pytest.mark.filterwarnings(OUTSIDE)
@pytest.mark.parametrize(
    ("name", "setting"),
    [("ema", "decay=0.5"), ("average", "start_step=2"), ("blend", "share=0.7")],
)
def test_what_is_measured_saved_and_exported_is_the_average(
    name: str, setting: str, tmp_path: Path
) -> None:
    fast = "--model.optimizer.lr=3e-3"
    plain = record(fit(tmp_path / "plain", fast))["evaluations"]
    home = tmp_path / name
    run = fit(home, fast, added(name), f"--trainer.callbacks.{setting}")
    base, _, last = record(run)["evaluations"]
    assert base == plain[0]
    assert last["val/loss"] != plain[2]["val/loss"]
    assert record(run)["selected_step"] == last["step"] == 8

    checkpoint = run / "checkpoints" / "step-8.ckpt"
    again = ["--config", str(run / "config.yaml"), "--ckpt_path", str(checkpoint)]
    main(["test", *again])
    tested = pl.read_csv(newest(home) / "metrics.csv")
    for measure in ("nDCG@10", "RR@10"):
        expected = pytest.approx(last[f"val/{measure}"], abs=1e-6)
        assert tested[f"test/{measure}"][0] == expected
    averaged = torch.load(checkpoint, weights_only=False)["state_dict"]
    exported = load_file(run / "model" / "model.safetensors")
    assert exported
    for key, value in exported.items():
        assert torch.equal(averaged[f"encoder.backbone.{key}"], value)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ("LearningRateFinder", "Use FindLearningRate"),
        (part("StochasticWeightAveraging", swa_lrs=0.1), "Use AverageWeights or EMA"),
        (part("ThroughputMonitor", batch_size_fn="builtins.len"), "Use Speed"),
        (
            part("GradientAccumulationScheduler", scheduling={0: 2}),
            r"Use trainer\.accumulate_grad_batches",
        ),
        (
            part("EMAWeightAveraging", update_starting_at_step=4),
            "AverageWeights, which has start_step",
        ),
        (
            part("ModelCheckpoint", monitor="val/loss", every_n_train_steps=3),
            "would rank those weights by the 'val/loss' of earlier ones",
        ),
    ],
)
def test_what_lightning_would_do_wrong_here_is_refused(
    chosen: Any, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        fit(tmp_path, callbacks(tmp_path, chosen))


@pytest.mark.filterwarnings("ignore:.*(was called without a model|no last checkpoint)")
def test_what_else_saves_does_not_stand_for_what_selects(tmp_path: Path) -> None:
    parts = yaml.safe_load(LIST.read_text("utf-8"))
    other = part("OnExceptionCheckpoint", dirpath=str(tmp_path / "stopped"))
    run = fit(tmp_path, callbacks(tmp_path, other, *parts), RUINOUS)
    assert record(run)["selected_step"] == 0
    card = (run / "model" / "README.md").read_text("utf-8")
    assert '"weights": "selected"' in card


def test_two_averages_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="would average each other's weights"):
        fit(tmp_path, added("ema"), added("average"))


def test_averages_that_no_checkpoint_would_have_are_refused(tmp_path: Path) -> None:
    keep = part("ModelCheckpoint", save_weights_only=True)
    with pytest.raises(ValueError, match="other weights than those of BlendWithBase"):
        fit(tmp_path, callbacks(tmp_path, keep), added("blend"))


PAGE = (ROOT / "docs" / "callbacks.md").read_text("utf-8")


def test_the_page_s_own_callback_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "my_callbacks.py").write_text(code, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    (command,) = re.findall(r"(--trainer.callbacks\+=my_callbacks.*)\n", PAGE)
    run = fit(tmp_path, *shlex.split(command))
    hub = [one["val/tiny/hub"] for one in record(run)["evaluations"]]
    assert len(hub) == 3
    ranked = pl.read_parquet(run / "retrieval" / "val-8" / "tiny.parquet")
    first = ranked["passage_id"].list.head(5).explode(empty_as_null=False)
    most = first.value_counts()["count"].max()
    assert isinstance(most, int)
    assert hub[2] == pytest.approx(most / len(ranked))


@pytest.mark.parametrize(
    "options", sorted(set(re.findall(r"`(--trainer.callbacks\+=.*?)`", PAGE)))
)
def test_the_page_s_options_parse(
    options: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit) as stop:
        main(["fit", "--config", str(CONFIG), *shlex.split(options), "--print_config"])
    assert stop.value.code == 0
    printed = yaml.safe_load(capsys.readouterr().out)["trainer"]["callbacks"]
    listed = yaml.safe_load(LIST.read_text("utf-8"))
    assert len(printed) > len(listed)
    for setting in shlex.split(options)[1:]:
        name, value = setting.removeprefix("--trainer.callbacks.").split("=")
        assert printed[-1]["init_args"][name] == value

"""Reading what a run wrote: steps and values, of runs that crashed or go on too."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dr_lightning.analysis.results import load
from dr_lightning.analysis.scores import scores
from tests.run_folders import write_record, write_run

BASE, HALF, END = [0.2, 0.4, 0.6], [0.3, 0.5, 0.6], [0.4, 0.4, 0.9]


def test_a_run_before_its_first_evaluation_has_steps_and_a_status(
    tmp_path: Path,
) -> None:
    write_run(tmp_path / "kl", {0: BASE, 4: END})
    (tmp_path / "kl" / "run.json").write_text('{"status": "runn', "utf-8")
    results = load([tmp_path])
    assert results.runs[0].status == "no evaluation yet: running, or stopped before"
    keys = results.steps.select("key").unique().collect()["key"].to_list()
    assert keys == ["train/loss"]


def test_a_run_that_has_only_judged_its_base_has_no_last_weights(
    tmp_path: Path,
) -> None:
    write_run(tmp_path / "kl", {0: BASE, 4: END})
    new = write_run(tmp_path / "new", {0: BASE}, name="new")
    record = json.loads((new / "run.json").read_text("utf-8"))
    write_record(new, **record | {"status": "running", "selected_step": None})
    assert scores(load([tmp_path])).names == ["base", "kl selected = last"]


def test_an_empty_folder_of_a_run_gives_typed_empty_frames(tmp_path: Path) -> None:
    write_record(tmp_path / "kl", status="running")
    (tmp_path / "kl" / "metrics.csv").touch()
    results = load([tmp_path])
    assert results.steps.collect().is_empty()
    assert results.steps.collect_schema()["value"] == pl.Float64
    assert results.per_query.collect().is_empty()
    assert results.runs[0].status == "running or killed"
    message = r"nothing is judged yet: .*runs: .*kl \(running or killed\). Wait for"
    with pytest.raises(ValueError, match=message):
        scores(results)


def test_steps_count_optimizer_steps_taken(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "kl", {0: BASE, 2: END})
    csv = [
        "epoch,step,train/loss,val/loss,last/dev/nDCG@10",
        "0,0,,9,",
        "0,0,0.5,,",
        "0,1,0.4,,",
        "0,1,,8,",
        "1,2,,,0.7",
        "1,2,0.3",  # half-written: the value may be 0.31
    ]
    (folder / "metrics.csv").write_text("\n".join(csv), "utf-8")
    found = load([tmp_path]).steps.sort("key", "step").collect()
    logged = [
        (key, step, value)
        for key, step, value in found.select("key", "step", "value").iter_rows()
        if not key.startswith("val/nDCG")
    ]
    assert logged == [
        ("last/dev/nDCG@10", 2, 0.7),
        ("train/loss", 1, 0.5),
        ("train/loss", 2, 0.4),
        ("val/loss", 0, 1.0),  # of run.json
        ("val/loss", 2, pytest.approx(1 / 3)),
    ]


def test_without_a_record_validation_comes_from_the_csv(tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    csv = ["step,val/loss,train/loss", "0,9,", "0,,5", "0,8,", ""]
    (folder / "metrics.csv").write_text("\n".join(csv), "utf-8")
    found = load([tmp_path]).steps.filter(pl.col("key") == "val/loss").collect()
    assert found.select("step", "value").rows() == [(0, 9.0), (1, 8.0)]
    assert found["run"].unique().to_list() == ["other"]


def test_a_run_taken_up_again_has_each_step_once(tmp_path: Path) -> None:
    """Step 2 was logged before the stop and after it; what came later counts."""
    folder = write_run(tmp_path / "kl", {0: BASE, 4: END})
    for name, lines in {
        "metrics-1.csv": ["step,train/loss", "0,0.5", "1,0.4"],
        "metrics.csv": ["step,train/loss,lr", "1,0.3,1", "2,0.2,1"],
    }.items():
        (folder / name).write_text("\n".join([*lines, ""]), "utf-8")
    loss = load([tmp_path]).steps.filter(pl.col("key") == "train/loss").collect()
    assert loss.select("step", "value").rows() == [(1, 0.5), (2, 0.3), (3, 0.2)]


def test_throughput_leaves_out_the_time_of_evaluations(tmp_path: Path) -> None:
    """Steps 2 to 6 took 50 - 20 - 10 = 20 seconds: 12 a minute."""
    timings = [
        {"step": 2, "seconds": 20.0, "evaluation_seconds": 5.0},
        {"step": 6, "seconds": 50.0, "evaluation_seconds": 10.0},
    ]
    write_record(tmp_path / "kl", status="running", timings=timings)
    found = load([tmp_path]).steps.collect()
    assert found.select("step", "key", "value").rows() == [
        (6, "train/steps_a_minute", 12.0)
    ]


def test_a_half_written_file_is_left_out_and_told(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "kl", {0: BASE, 4: HALF, 8: END}, selected=4)
    (folder / "retrieval" / "val-8" / "dev.per_query.parquet").write_bytes(b"PAR1")
    results = load([tmp_path])
    assert "val-8" in results.notes[0]
    assert "half-written" in results.notes[0]
    assert scores(results).names == ["base", "kl selected"]


def test_a_path_without_anything_is_refused(tmp_path: Path) -> None:
    write_run(tmp_path / "kl", {0: BASE, 4: END})
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty: has no run and no evaluation"):
        load([tmp_path / "kl", tmp_path / "empty"])
    with pytest.raises(ValueError, match="nowhere: no such folder"):
        load([tmp_path / "nowhere"])


@pytest.mark.parametrize(
    "odd",
    [
        {"evaluations": None, "timings": None, "fingerprints": None},
        {"evaluations": {"step": 4}, "timings": 1.5, "selected_step": "4"},
        {"evaluations": [{"val/loss": 1.0}, None, {"step": "4"}]},
        {"timings": [{"step": 0}, {"step": 4, "seconds": None}, {}]},
    ],
)
def test_what_a_record_holds_amiss_counts_as_missing(
    tmp_path: Path, odd: dict[str, Any]
) -> None:
    folder = write_run(tmp_path / "kl", {0: BASE, 4: END})
    record = json.loads((folder / "run.json").read_text("utf-8"))
    write_record(folder, **record | odd)
    results = load([tmp_path])
    keys = results.steps.select("key").unique().collect()["key"].to_list()
    assert "train/loss" in keys
    expected = 0 if "evaluations" in odd else 4
    assert max([one["step"] for one in results.runs[0].evaluations], default=0) == (
        expected
    )


def test_a_value_that_is_no_number_is_not_logged(tmp_path: Path) -> None:
    evaluation = {"step": 0, "val/loss": "low", "val/nDCG@10": 0.5}
    write_record(tmp_path / "kl", status="running", evaluations=[evaluation])
    found = load([tmp_path]).steps.collect()
    assert found.select("key", "value").rows() == [("val/nDCG@10", 0.5)]


def test_letters_of_another_encoding_hide_no_other_column(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "kl", {0: BASE, 4: END})
    (folder / "run.json").unlink()
    lines = "step,train/loss,train/l\xe4nge\n0,0.5,1\n"
    (folder / "metrics.csv").write_bytes(lines.encode("latin-1"))
    found = load([tmp_path]).steps.filter(pl.col("key") == "train/loss").collect()
    assert found.select("step", "value").rows() == [(1, 0.5)]

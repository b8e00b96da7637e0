"""Runs that crashed or go on: told, and not averaged into finished ones."""

import json
from pathlib import Path

import pytest
import yaml

from dr_lightning.analysis.results import load
from dr_lightning.analysis.run_section import runs
from dr_lightning.analysis.scores import Scores, scores
from dr_lightning.analysis.table import Table
from tests.run_folders import write_evaluation, write_run

BASE, HALF, END = [0.2, 0.4, 0.6], [0.3, 0.5, 0.6], [0.4, 0.4, 0.9]
CRASHED = "stopped by RuntimeError"


def mean(found: Scores, name: str, collection: str = "dev") -> float:
    """Of the first measure."""
    return round(float(found.of(name, collection)["nDCG@10"].to_numpy().mean()), 6)


def seeds(found: Scores, name: str) -> int:
    """Runs that a system is averaged over."""
    return int(found.seeds.filter(name=name)["seeds"].item())


def leave_config(folder: Path) -> None:
    """What is left of a run that died before its first evaluation."""
    for file in [one for one in folder.rglob("*") if one.is_file()]:
        if file.name != "config.yaml":
            file.unlink()


def test_a_crashed_seed_is_told_and_left_out(tmp_path: Path) -> None:
    write_run(tmp_path / "a", {0: BASE, 96: END}, seed=0)
    write_run(tmp_path / "b", {0: BASE, 12: HALF}, seed=1, status=CRASHED)
    results = load([tmp_path])
    (note,) = results.notes
    assert note == (
        f"kl, seed 1, is not finished ({CRASHED}; last evaluated at step 12). It is "
        "left out of averages and tests, for other seeds are finished."
    )
    assert len(results.runs) == 2
    found = scores(results)
    assert mean(found, "kl selected = last") == 0.566667
    assert seeds(found, "kl selected = last") == 1
    # Its own steps and values are there for who asks.
    assert set(results.steps.collect()["seed"]) == {0, 1}
    assert set(results.per_query.collect()["seed"]) == {0, 1}


def test_what_evaluate_judged_of_a_crashed_seed_is_left_out_too(
    tmp_path: Path,
) -> None:
    """But for its base and the teacher, which were not trained by it."""
    for seed, status, values in ((0, "finished", END), (1, CRASHED, HALF)):
        run = write_run(
            tmp_path / f"s{seed}", {0: BASE, 4: END}, seed=seed, status=status
        )
        systems = {"base": BASE, "selected": values, "last": values, "other": values}
        write_evaluation(run / "test", systems | {"teacher": [1.0, 1.0, 1.0]})
    found = scores(load([tmp_path]))
    assert mean(found, "kl selected = last", "scifact") == 0.566667
    assert mean(found, "kl other", "scifact") == 0.566667
    assert mean(found, "base", "scifact") == 0.4
    assert mean(found, "teacher", "scifact") == 1


def test_a_crashed_seed_does_not_part_selected_and_last(tmp_path: Path) -> None:
    write_run(tmp_path / "a", {0: BASE, 4: HALF, 8: END}, seed=0)
    steps = {0: BASE, 4: HALF, 8: END}
    write_run(tmp_path / "b", steps, seed=1, selected=4, status=CRASHED)
    assert scores(load([tmp_path])).names == ["base", "kl selected = last"]


def test_where_none_is_finished_all_are_shown(tmp_path: Path) -> None:
    write_run(tmp_path / "a", {0: BASE, 4: HALF}, seed=0, status="running")
    write_run(tmp_path / "b", {0: BASE, 8: END}, seed=1, status=CRASHED)
    results = load([tmp_path])
    came = ("running or killed; last", 4), (f"{CRASHED}; last", 8)
    assert list(results.notes) == [
        f"kl, seed {seed}, is not finished ({status} evaluated at step {step}). Its "
        f"values are those of weights on the way."
        for seed, (status, step) in enumerate(came)
    ]
    assert seeds(scores(results), "kl selected = last") == 2


def test_a_crashed_seed_that_was_run_anew_parts_no_others(tmp_path: Path) -> None:
    """It stands apart: one of its seed is there that counts."""
    write_run(tmp_path / "a", {0: BASE, 8: END}, seed=0)
    write_run(tmp_path / "b", {0: BASE, 4: HALF}, seed=1, status=CRASHED)
    write_run(tmp_path / "c", {0: BASE, 8: END}, seed=1)
    results = load([tmp_path])
    assert [(one.name, len(one.runs)) for one in results.experiments] == [
        ("kl", 2),
        ("kl/b", 1),
    ]
    assert any(note.startswith("kl/b, seed 1, is not fin") for note in results.notes)


def test_a_run_of_which_only_the_config_is_left_is_told(tmp_path: Path) -> None:
    write_run(tmp_path / "kl", {0: BASE, 4: END}, seed=0)
    write_run(tmp_path / "mse", {0: BASE, 4: END}, seed=0, name="mse", rate=1e-4)
    leave_config(tmp_path / "mse")
    results = load([tmp_path])
    status = "no evaluation yet: running, or stopped before"
    assert results.notes == (
        f"mse, seed 0, is not finished ({status}). It has no values to compare.",
    )
    (table,) = (
        block
        for block in runs(results, ["report"]).blocks
        if isinstance(block, Table) and block.title == "Runs"
    )
    assert [row[:3] for row in table.rows] == [
        ["kl", "finished", "0"],
        ["mse", status, "0"],
    ]
    assert scores(results).names == ["base", "kl selected = last"]


def test_a_run_that_died_at_its_start_renames_none_that_came_after(
    tmp_path: Path,
) -> None:
    """Claims name it as before."""
    for folder in ("version_0", "version_1"):
        write_run(tmp_path / folder, {0: BASE, 4: END})
    leave_config(tmp_path / "version_0")
    found = scores(load([tmp_path]))
    assert found.names == ["base", "kl selected = last"]


def test_alone_it_is_a_run_without_values(tmp_path: Path) -> None:
    write_run(tmp_path / "mse", {0: BASE, 4: END}, name="mse")
    leave_config(tmp_path / "mse")
    with pytest.raises(ValueError, match=r"nothing is judged yet.*mse \(no evaluation"):
        scores(load([tmp_path]))


@pytest.mark.parametrize(
    "config",
    [
        {"evaluate": {"collection": "dev"}},
        {"trainer": "../trainer/cpu.yaml", "model": "../model/tiny.yaml"},
        {"trainer": {"devices": 1}, "model": {"encoder": "x"}, "verbose": True},
        {"trainer": {"a": 1}, "model": {"b": 1}, "return_predictions": None},
        ["trainer", "model"],
    ],
    ids=["other command", "template", "test", "predict", "list"],
)
def test_a_config_of_something_else_is_no_run(tmp_path: Path, config: object) -> None:
    (tmp_path / "config.yaml").write_text(json.dumps(config), "utf-8")  # JSON is YAML
    with pytest.raises(ValueError, match=r"no run and no evaluation.*config\.yaml of"):
        load([tmp_path])


def test_of_a_run_that_logged_no_config_is_read_to_find_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor twice, once it is found: YAML is slow."""
    for seed in range(3):
        write_run(tmp_path / f"s{seed}", {0: BASE, 4: END}, seed=seed)
    read = []
    load_yaml = yaml.safe_load

    def safe_load(text: str) -> object:
        read.append(text)
        return load_yaml(text)

    monkeypatch.setattr(yaml, "safe_load", safe_load)
    load([tmp_path])
    assert len(read) == 3

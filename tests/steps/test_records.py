"""When a step is finished, and why it is not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dr_lightning.steps.records import (
    UNFINISHED,
    Record,
    expected,
    products,
    reason,
)
from dr_lightning.steps.step import Step


@pytest.fixture
def step(tmp_path: Path) -> Step:
    (tmp_path / "in.txt").write_text("input")
    (tmp_path / "out.txt").write_text("output")
    return Step(
        name="retrieve",
        command="retrieve",
        options={"depth": 100, "encoder": {"init_args": {"pooling": "mean"}}},
        reads=(tmp_path / "in.txt",),
        products=(tmp_path / "out.txt",),
    )


def finished(step: Step, work: Path) -> Record:
    record = replace(expected(step, work), products=products(step, work), seconds=1.0)
    record.save(work / "record.json")
    loaded = Record.load(work / "record.json")
    assert loaded == record
    return record


def why(step: Step, work: Path, found: Record | None) -> str | None:
    return reason(step, work, expected(step, work), found)


def test_a_finished_step_has_no_reason_to_run(step: Step, tmp_path: Path) -> None:
    assert why(step, tmp_path, finished(step, tmp_path)) is None


def test_a_step_without_a_record_runs(step: Step, tmp_path: Path) -> None:
    assert Record.load(tmp_path / "record.json") is None
    assert why(step, tmp_path, None) == "it has not run yet"


@pytest.mark.parametrize("text", ["{", "[]", '{"other": 1}', ""])
def test_a_broken_record_counts_as_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text(text)
    assert Record.load(tmp_path / "record.json") is None


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"depth": 50}, "depth is 50, was 100"),
        (
            {"encoder": {"init_args": {"pooling": "cls"}}},
            "encoder.init_args.pooling is 'cls', was 'mean'",
        ),
        ({"seed": 1}, "seed is 1, was not set"),
    ],
)
def test_a_changed_setting_is_named_with_both_values(
    options: dict[str, Any], told: str, step: Step, tmp_path: Path
) -> None:
    found = finished(step, tmp_path)
    changed = replace(step, options={**step.options, **options})
    assert why(changed, tmp_path, found) == told


def test_a_setting_that_is_gone_is_named(step: Step, tmp_path: Path) -> None:
    found = finished(step, tmp_path)
    changed = replace(step, options={"encoder": step.options["encoder"]})
    assert why(changed, tmp_path, found) == "depth is not set, was 100"


def test_a_changed_input_is_named(step: Step, tmp_path: Path) -> None:
    found = finished(step, tmp_path)
    (tmp_path / "in.txt").write_text("another input")
    assert why(step, tmp_path, found) == "an input changed: in.txt"


def test_a_product_that_is_gone_or_changed_is_named(step: Step, tmp_path: Path) -> None:
    found = finished(step, tmp_path)
    (tmp_path / "out.txt").write_text("edited by hand")
    assert why(step, tmp_path, found) == "out.txt was changed by something else"
    (tmp_path / "out.txt").unlink()
    assert why(step, tmp_path, found) == "out.txt is gone"


def test_a_step_that_was_stopped_is_not_finished(step: Step, tmp_path: Path) -> None:
    assert why(step, tmp_path, expected(step, tmp_path)) == UNFINISHED


def test_another_release_runs_it_again(step: Step, tmp_path: Path) -> None:
    found = replace(finished(step, tmp_path), release="0.0.1")
    assert str(why(step, tmp_path, found)).endswith("was 0.0.1")


def test_the_folder_may_be_moved(step: Step, tmp_path: Path) -> None:
    work = tmp_path / "here"
    work.mkdir()
    (tmp_path / "out.txt").rename(work / "out.txt")
    (tmp_path / "in.txt").rename(work / "in.txt")
    moved = replace(
        step,
        options={"out": f"{work}/out.txt"},
        reads=(work / "in.txt",),
        products=(work / "out.txt",),
    )
    found = finished(moved, work)
    there = work.rename(tmp_path / "there")
    again = replace(
        moved,
        options={"out": f"{there}/out.txt"},
        reads=(there / "in.txt",),
        products=(there / "out.txt",),
    )
    assert why(again, there, found) is None


def test_a_retrained_model_of_the_same_name_is_noticed(
    step: Step, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "weights").write_text("1")
    named = replace(step, options={"teacher": {"init_args": {"model": str(model)}}})
    found = finished(named, tmp_path)
    assert why(named, tmp_path, found) is None
    (model / "weights").write_text("12")
    assert str(why(named, tmp_path, found)).startswith("an input changed: model teach")


def test_a_missing_input_is_an_error(step: Step, tmp_path: Path) -> None:
    (tmp_path / "in.txt").unlink()
    with pytest.raises(ValueError, match=r"in\.txt: no such file"):
        expected(step, tmp_path)

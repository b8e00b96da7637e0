"""The generate stage: stops, restarts, workers, and parts that are used again."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dr_lightning.generation.drops import CleaningRules
from dr_lightning.generation.engines import HuggingFace
from dr_lightning.stages.generate import generate
from tests.generating import Counting, answers, forget, options, parts, read


def test_restart_after_a_stop_gives_the_same_bytes(files: dict[str, Any]) -> None:
    options: dict[str, Any] = {"types": ["claim", "title"], "part_queries": 4}
    generate(**files, engine=Counting(faulty=0.3), **options)
    whole = forget(files)
    with pytest.raises(KeyboardInterrupt):
        generate(**files, engine=Counting(3, faulty=0.3), **options)
    assert not files["out"].exists()
    assert len(parts(files)) == 3
    rest = Counting(faulty=0.3)
    generate(**files, engine=rest, **options)
    assert len(rest.seen) == 2 * 12 - 3 * 4
    assert files["out"].read_bytes() == whole
    assert not parts(files)


def test_workers_give_the_result_of_one_and_write_parts_only(
    files: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    options: dict[str, Any] = {"types": ["claim", "search"], "part_queries": 3}
    generate(**files, engine=Counting(), **options)
    whole = forget(files)
    with caplog.at_level(logging.INFO):
        for shard in ("2/3", "3/3", "1/3"):
            generate(**files, engine=Counting(), **options, shard=shard)
    assert "worker 2/3 is done, 6 parts are left" in caplog.text
    assert not files["out"].exists()
    generate(**files, engine=Counting(calls=0), **options)
    assert files["out"].read_bytes() == whole


def test_a_tiny_model_gives_the_same_bytes_after_a_stop(
    files: dict[str, Any], tiny_chat_dir: Path
) -> None:
    options: dict[str, Any] = {"types": ["title"], "part_queries": 5, "example_sets": 1}
    engine = HuggingFace(str(tiny_chat_dir), batch_size=4)
    generate(**files, engine=engine, **options)
    assert len(read(files)) > 5
    whole = forget(files)
    generate(**files, engine=engine, **options, shard="2/2")
    assert len(parts(files)) == 1
    generate(**files, engine=HuggingFace(str(tiny_chat_dir), batch_size=4), **options)
    assert files["out"].read_bytes() == whole


def test_other_settings_use_no_finished_part_but_other_cleaning_does(
    files: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    options: dict[str, Any] = {"types": ["title"], "part_queries": 4}
    with pytest.raises(KeyboardInterrupt):
        generate(**files, engine=Counting(2), **options)
    with caplog.at_level(logging.INFO):
        generate(**files, engine=Counting(), **options, seed=14, shard="4/4")
    assert "2 parts of other settings are not used" in caplog.text
    rest = Counting()
    rules = CleaningRules(duplicates=False)
    generate(**files, engine=rest, **options, cleaning=rules)
    assert len(rest.seen) == 4


def test_other_cleaning_asks_nothing_again(files: dict[str, Any]) -> None:
    options: dict[str, Any] = {"types": ["title"], "overwrite": True}
    rules = CleaningRules(refusals=False)
    generate(**files, engine=Counting(faulty=0.5), **options, cleaning=rules)
    whole = forget(files)
    generate(**files, engine=Counting(faulty=0.5), **options)
    assert files["out"].read_bytes() != whole
    generate(**files, engine=Counting(calls=0, faulty=0.5), **options, cleaning=rules)
    assert files["out"].read_bytes() == whole
    with pytest.raises(KeyboardInterrupt):  # another seed, other answers
        generate(**files, engine=Counting(calls=0), **options, seed=14)
    assert answers(files).exists()
    pl.DataFrame({"mine": [1]}).write_parquet(answers(files))
    with pytest.raises(ValueError, match="would be replaced, but is not of this"):
        generate(**files, engine=Counting(), **options)


def command(files: dict[str, Any], engine: Sequence[str]) -> list[str]:
    start = [sys.executable, "-m", "dr_lightning", "generate", *options(files)]
    return [*start, *engine, "--types=[title,claim]", "--part_queries=3"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fake", "model"])
def test_a_killed_run_goes_on_to_the_same_bytes(
    files: dict[str, Any], name: str, tiny_chat_dir: Path
) -> None:
    engine = {
        "fake": ["--engine=Fake", "--engine.seconds=0.2", "--engine.faulty=0.2"],
        "model": ["--engine=HuggingFace", f"--engine.model={tiny_chat_dir}"],
    }[name]
    subprocess.run(command(files, engine), check=True, capture_output=True)
    whole = forget(files)
    run = subprocess.Popen(command(files, engine), stderr=subprocess.DEVNULL)
    while len(parts(files)) < 2 and run.poll() is None:
        time.sleep(0.005)
    os.kill(run.pid, signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    assert not files["out"].exists()
    finished = {part: part.stat().st_mtime_ns for part in parts(files)}
    assert 2 <= len(finished) < 9
    subprocess.run(
        [*command(files, engine), "--shard=1/1"], check=True, capture_output=True
    )
    assert files["out"].read_bytes() == whole

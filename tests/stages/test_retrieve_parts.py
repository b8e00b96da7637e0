"""Dense retrieval in parts: shared, resumed, and the same as in one piece."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dr_lightning.cli import main
from dr_lightning.retrieval import Retriever
from tests.retrieving import command, retrieve, run_of


@pytest.fixture
def indexed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the parts that are encoded, as they come."""
    sizes: list[int] = []
    index = Retriever.index

    def noting(self: Retriever, passages: Any, rows: Any, *rest: Any) -> None:
        sizes.append(len(rows))
        index(self, passages, rows, *rest)

    monkeypatch.setattr(Retriever, "index", noting)
    return sizes


def same(one: pl.DataFrame, other: pl.DataFrame) -> None:
    assert one.drop("score").equals(other.drop("score"))
    scores = [run["score"].explode().to_list() for run in (one, other)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)


@pytest.mark.parametrize("depth", [3, 40])
def test_parts_find_what_one_search_finds(
    tiny: Path, model: Path, tmp_path: Path, indexed: list[int], depth: int
) -> None:
    whole = retrieve(tiny, model, tmp_path / "whole.parquet", f"--depth={depth}")
    options = f"--depth={depth}", "--part_passages=7"
    parts = retrieve(tiny, model, tmp_path / "parts.parquet", *options)
    same(whole, parts)
    assert indexed == [40, 7, 7, 7, 7, 7, 5]
    assert not (tmp_path / "parts.parts").exists()


def test_workers_share_the_parts_and_the_last_command_joins_them(
    tiny: Path,
    model: Path,
    tmp_path: Path,
    indexed: list[int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    options = f"--encoder.backbone={model}", "--depth=9", "--part_passages=7"
    alone = run_of(tiny, tmp_path / "alone.parquet", *options)
    out = tmp_path / "shared.parquet"
    for shard in ("1/2", "2/2"):
        main(command(tiny, out, *options, f"--shard={shard}"))
        assert not out.exists()
    assert "worker 1/2 is done, 3 parts are left" in caplog.text
    assert "worker 2/2 is done, 0 parts are left" in caplog.text
    assert len(indexed) == 12
    shared = run_of(tiny, out, *options)
    assert len(indexed) == 12
    assert shared.equals(alone)


def test_a_killed_run_goes_on_where_it_stopped(
    tiny: Path,
    model: Path,
    tmp_path: Path,
    indexed: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, options = tmp_path / "run.parquet", ("--depth=9", "--part_passages=7")
    index = Retriever.index

    def failing(self: Retriever, passages: Any, rows: Any, *rest: Any) -> None:
        if rows[0] == 21:
            raise KeyboardInterrupt
        index(self, passages, rows, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Retriever, "index", failing)
        with pytest.raises(KeyboardInterrupt):
            retrieve(tiny, model, out, *options)
    assert len(list((tmp_path / "run.parts").glob("*.parquet"))) == 3
    resumed = retrieve(tiny, model, out, *options)
    assert indexed == [7, 7, 7, 7, 7, 5]
    assert resumed.equals(retrieve(tiny, model, tmp_path / "b.parquet", *options))


@pytest.mark.parametrize(
    "change", ["--depth=8", "--template={text}", "--encoder.passage.max_tokens=4"]
)
def test_parts_of_other_settings_are_not_used(
    tiny: Path,
    model: Path,
    tmp_path: Path,
    indexed: list[int],
    change: str,
) -> None:
    out = tmp_path / "run.parquet"
    options = f"--encoder.backbone={model}", "--depth=9", "--part_passages=20"
    main(command(tiny, out, *options, "--shard=1/2"))
    run_of(tiny, out, *options, change)
    assert indexed == [20, 20, 20]


def test_an_index_of_all_passages_is_one_part(
    tiny: Path, model: Path, tmp_path: Path, indexed: list[int]
) -> None:
    options = f"--encoder.backbone={model}", "--search=FaissSearch"
    run_of(tiny, tmp_path / "run.parquet", *options, "--part_passages=7")
    assert indexed == [40]
    with pytest.raises(ValueError, match="shard 1/2 shares the passages that an enco"):
        main(command(tiny, tmp_path / "b.parquet", *options, "--shard=1/2"))

"""Rows of systems that were not all judged on everything."""

from pathlib import Path

import polars as pl
import pytest

from dr_lightning.analysis.changes import per_query
from dr_lightning.analysis.comparison import Row, compare
from dr_lightning.analysis.results import load
from dr_lightning.analysis.scores import POOLED, scores
from tests.run_folders import write_evaluation

BASE, HALF, END = [0.2, 0.4, 0.6], [0.3, 0.5, 0.6], [0.4, 0.4, 0.9]


def rows(folder: Path) -> dict[tuple[str, str], Row]:
    """By collection and name."""
    return {(r.collection, r.name): r for r in compare(scores(load([folder])))}


def test_a_system_has_the_base_of_each_collection(tmp_path: Path) -> None:
    """And none over all of them, for they are two."""
    write_evaluation(tmp_path / "one", {"base": BASE, "kl": END}, "one")
    write_evaluation(tmp_path / "two", {"mini": HALF, "kl": END}, "two")
    found = rows(tmp_path)
    for collection, mean in (("one", 0.166667), ("two", 0.1)):
        difference = found[collection, "kl"].difference
        assert difference is not None
        assert difference.mean == pytest.approx(mean, abs=1e-6)
    assert found[POOLED, "kl"].queries == 6
    assert found[POOLED, "kl"].difference is None


def test_all_test_collections_are_not_a_part_of_them(tmp_path: Path) -> None:
    """The base lacks the second collection, where nothing has one."""
    write_evaluation(tmp_path / "one", {"base": BASE, "kl": END}, "one")
    two = write_evaluation(tmp_path / "two", {"base": BASE, "kl": END}, "two")
    (two / "run-0.per_query.parquet").unlink()
    found = rows(tmp_path)
    assert found["one", "kl"].difference is not None
    assert found["two", "kl"].difference is None
    assert found[POOLED, "kl"].difference is None
    assert (POOLED, "base") not in found


def test_a_measure_that_a_system_lacks_is_null(tmp_path: Path) -> None:
    write_evaluation(tmp_path / "one", {"base": BASE, "kl": END})
    two = write_evaluation(tmp_path / "two", {"other": BASE})
    values = two / "run-0.per_query.parquet"
    pl.read_parquet(values).drop("nDCG@10").write_parquet(values)
    found = rows(tmp_path)["scifact", "other"]
    assert found.means == {"nDCG@10": None, "R@100": pytest.approx(0.6)}
    assert found.spread is None
    assert found.difference is None


def test_changes_from_no_base_are_refused(tmp_path: Path) -> None:
    write_evaluation(tmp_path, {"base": BASE, "kl": END})
    with pytest.raises(ValueError, match=r"kl has no base on fiqa.* kl on scifact"):
        per_query(scores(load([tmp_path])), "kl", "fiqa")


def test_a_value_that_is_no_number_is_refused(tmp_path: Path) -> None:
    """Beside it means are none, but a p value would look like one."""
    write_evaluation(tmp_path, {"base": BASE, "kl": [0.4, float("nan"), 0.9]})
    message = r"run-1\.per_query.*nDCG@10 of query 'q1' under kl on scifact is nan"
    with pytest.raises(ValueError, match=message):
        rows(tmp_path)

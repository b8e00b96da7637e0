"""Runs of other systems: which of their lists and passages count."""

from pathlib import Path

import polars as pl
import pytest

from dr_lightning import artefacts, schemas, trec
from dr_lightning.candidates.given import read_candidates

QUERIES = pl.Series(["q1", "q2"])
PASSAGES = pl.Series(["a", "b", "c"])


def write(path: Path, lists: dict[str, list[str]]) -> Path:
    run = pl.DataFrame(
        {
            "query_id": lists.keys(),
            "passage_id": lists.values(),
            "score": [[1 / (1 + i) for i in range(len(ids))] for ids in lists.values()],
        }
    )
    if path.suffix == ".parquet":
        artefacts.write(run, path, schemas.RUN, artefacts.Manifest(stage="test"))
    else:
        trec.write_run(run, path, tag="test")
    return path


@pytest.mark.parametrize("name", ["run.parquet", "run.trec"])
def test_strange_queries_and_passages_are_left_out(tmp_path: Path, name: str) -> None:
    lists = {"q2": ["c", "x", "a"], "q9": ["a"], "q1": ["x"]}
    run, left_out = read_candidates(write(tmp_path / name, lists), QUERIES, PASSAGES)
    (row,) = run.rows()
    assert row[:2] == ("q2", ["c", "a"])
    assert row[2] == pytest.approx([1, 1 / 3])
    assert left_out == 2


def test_a_run_of_another_corpus_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "run.parquet", {"q1": ["x"], "q9": ["a"]})
    with pytest.raises(ValueError, match="none of its 2 lists has a query and a pass"):
        read_candidates(path, QUERIES, PASSAGES)

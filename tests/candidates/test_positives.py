"""What is known to be relevant: sources, judgements and duplicates of them."""

from pathlib import Path

import polars as pl
import pytest

from dr_lightning import artefacts, schemas
from dr_lightning.candidates.positives import find_positives

QUERIES = pl.DataFrame(
    {"query_id": ["q1", "q2"], "source_passage_id": ["a", None]},
    {"query_id": pl.String, "source_passage_id": pl.String},
)


def test_judgements_of_other_queries_do_not_count() -> None:
    qrels = pl.DataFrame(
        {
            "query_id": ["q1", "q1", "q2", "q2", "q9"],
            "passage_id": ["a", "b", "c", "d", "a"],
            "relevance": [1, 2, 1, 0, 1],
        }
    )
    known = find_positives(QUERIES, qrels, None).known
    assert known.rows() == [("q1", "a", True), ("q1", "b", False), ("q2", "c", False)]


def test_human_queries_need_qrels() -> None:
    with pytest.raises(
        ValueError, match=r"1 queries, such as 'q2', .* Give their qrel"
    ):
        find_positives(QUERIES, None, None)


def test_dropped_passages_tell_who_stands_for_whom(tmp_path: Path) -> None:
    dropped = pl.DataFrame(
        {
            "passage_id": ["b", "c"],
            "reason": ["equal", "too_short"],
            "representative_id": ["a", None],
        }
    )
    path = tmp_path / "dropped.parquet"
    artefacts.write(dropped, path, schemas.DROPPED, artefacts.Manifest(stage="test"))
    groups = find_positives(QUERIES[:1], None, path).groups
    assert groups.rows() == [("b", "a")]

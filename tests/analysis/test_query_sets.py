"""Systems and seeds that lack some queries."""

from pathlib import Path

import polars as pl
import pytest

from dr_lightning.analysis import tables
from dr_lightning.analysis.comparison import compare
from dr_lightning.analysis.family import assess
from dr_lightning.analysis.results import load
from dr_lightning.analysis.scores import POOLED, Scores, scores
from dr_lightning.analysis.table import Table
from tests.run_folders import write_evaluation, write_run

BASE, NEW = [0.9, 0.9, 0.1, 0.1], [1.0, 1.0, 0.3, 0.5]


def shown(found: Scores, collection: str) -> Table:
    """What `compare` and `report` show."""
    return tables.effectiveness(found, compare(found), collection)


def drop_queries(values: Path, *queries: str) -> None:
    """From a file of values."""
    kept = pl.read_parquet(values).filter(~pl.col("query_id").is_in(queries))
    kept.write_parquet(values)


def test_a_mean_over_fewer_queries_is_told_and_the_difference_says_over_which(
    tmp_path: Path,
) -> None:
    """Below the base in the mean, 0.4 to 0.5, and yet better: +0.3."""
    write_evaluation(tmp_path, {"base": BASE, "kl": NEW})
    drop_queries(tmp_path / "run-1.per_query.parquet", "q0", "q1")
    found = scores(load([tmp_path]))
    (note,) = found.notes
    assert note == (
        "kl has 2 of the 4 judged queries of scifact: its means are over these, "
        "differences over the queries that both sides have."
    )
    table = shown(found, "scifact")
    assert table.title.startswith("scifact: 4 judged queries")
    (kl,) = (row for row in table.rows if row[0] == "kl")
    assert kl[1] == "0.4000"
    assert kl[2].startswith("+0.3000 (")
    assert kl[2].endswith("; 2 queries")
    claims = assess(found, ["kl > base"])
    assert tables.family(claims, found.measure).rows[0][1].endswith("; 2 queries")


def test_a_base_of_fewer_queries_is_told_too(tmp_path: Path) -> None:
    write_evaluation(tmp_path, {"base": BASE, "kl": NEW})
    drop_queries(tmp_path / "run-0.per_query.parquet", "q3")
    found = scores(load([tmp_path]))
    (note,) = found.notes
    assert note.startswith("base has 3 of the 4 judged queries of scifact")
    assert shown(found, "scifact").rows[1][2].endswith("; 3 queries")


def test_seeds_are_compared_on_the_queries_of_all(tmp_path: Path) -> None:
    """Means of two seeds 0.4 and 0.3, on q2 and q3 alone."""
    write_run(tmp_path / "a", {0: BASE, 4: NEW}, seed=1)
    run = write_run(tmp_path / "b", {0: BASE, 4: [0.0, 0.0, 0.2, 0.4]}, seed=2)
    for step in (0, 4):
        file = run / "retrieval" / f"val-{step}" / "dev.per_query.parquet"
        drop_queries(file, "q0", "q1")
    found = scores(load([tmp_path]))
    name = "kl selected = last"
    (note,) = found.notes
    assert note == (
        f"{name} has, in all its 2 seeds, 2 of the 4 judged queries of dev: its means "
        "are over these, differences over the queries that both sides have."
    )
    averaged = found.of(name, "dev")
    assert averaged["query_id"].to_list() == ["q2", "q3"]
    assert averaged["nDCG@10"].to_list() == pytest.approx([0.25, 0.45])
    assert len(found.of("base", "dev")) == 4
    (spread,) = found.seeds.filter(name=name)["spread"]
    assert spread == pytest.approx(0.1 / 2**0.5)


def test_seeds_that_share_no_query_are_told(tmp_path: Path) -> None:
    for seed, dropped in ((1, ("q0", "q1")), (2, ("q2", "q3"))):
        run = write_run(tmp_path / f"s{seed}", {0: BASE, 4: NEW}, seed=seed)
        file = run / "retrieval" / "val-4" / "dev.per_query.parquet"
        drop_queries(file, *dropped)
    found = scores(load([tmp_path]))
    assert found.names == ["base"]
    assert "has, in all its 2 seeds, 0 of the 4 judged queries of dev" in found.notes[0]


def test_over_all_collections_the_pairs_are_told_too(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_evaluation(tmp_path / name, {"base": BASE, "kl": NEW}, name)
    drop_queries(tmp_path / "two" / "run-1.per_query.parquet", "q0")
    table = shown(scores(load([tmp_path])), POOLED)
    assert table.title == f"{POOLED}: 8 judged queries"
    assert table.rows[1][2].endswith("; 7 queries")


def test_where_all_have_all_nothing_is_said(tmp_path: Path) -> None:
    write_evaluation(tmp_path, {"base": BASE, "kl": NEW})
    found = scores(load([tmp_path]))
    assert found.notes == ()
    assert "queries" not in str(shown(found, "scifact").rows)

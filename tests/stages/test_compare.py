"""`compare` through the command line, on folders that `fit` and `evaluate` left."""

from pathlib import Path

import polars as pl
import pytest

from dr_lightning.cli import main
from tests.run_folders import write_evaluation, write_run

BASE, END = [0.2, 0.4, 0.6, 0.1], [0.4, 0.4, 0.9, 0.0]


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def shown(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    """What `compare` prints, each run of spaces one."""
    main(["compare", *args])
    return " ".join(capsys.readouterr().out.split())


def test_each_collection_has_a_table_with_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_run(tmp_path / "kl", {0: BASE, 4: END})
    systems = {"base": BASE, "last": END, "teacher": [1.0, 1.0, 1.0, 1.0]}
    write_evaluation(folder / "test", systems)
    text = shown(capsys, str(tmp_path))
    assert "scifact: 4 judged queries" in text
    assert "dev (validation): 4 judged queries" in text
    assert "Validation: queries of the loop, by which runs may have selected" in text
    assert "base 0.3250 0.6750" in text
    # (0.2 + 0 + 0.3 - 0.1) / 4
    assert "kl selected = last 0.4250 +0.1000 (" in text
    assert "2 / 1 / 1" in text
    assert text.index("kl selected") < text.index("teacher 1.0000")


def test_several_collections_are_pooled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """+0.1 and +0.3 are +0.2, though the second has half the queries."""
    folder = write_run(tmp_path / "kl", {0: BASE, 4: END})
    write_evaluation(folder / "one", {"base": BASE, "last": END}, "one")
    write_evaluation(folder / "two", {"base": [0, 0], "last": [0.6, 0.0]}, "two")
    text = shown(capsys, str(tmp_path))
    assert "all test collections: 6 judged queries" in text
    assert "+0.2000 (" in text


def test_seeds_are_counted_with_their_spread(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "a", {0: BASE, 4: END}, seed=1)
    write_run(tmp_path / "b", {0: BASE, 4: BASE}, seed=2)
    text = shown(capsys, str(tmp_path))
    assert "base 0.3250" in text
    assert "kl selected = last 2 0.3750 ± 0.0707" in text


def test_a_seed_that_crashed_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "a", {0: BASE, 96: END}, seed=1)
    stopped = "stopped by RuntimeError"
    write_run(tmp_path / "b", {0: BASE, 12: BASE}, seed=2, status=stopped)
    text = shown(capsys, str(tmp_path))
    assert "kl selected = last 0.4250 +0.1000 (" in text
    assert f"kl, seed 2, is not finished ({stopped}; last evaluated at step 12)" in text


def test_measures_are_chosen_and_the_first_compares(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "kl", {0: BASE, 4: END})
    text = shown(capsys, str(tmp_path), "--measures=[R@100]")
    assert "difference in R@100" in text
    assert "nDCG@10" not in text


def test_one_query_has_means_and_no_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_evaluation(tmp_path, {"base": [0.1], "fitted": [0.2]})
    text = shown(capsys, str(tmp_path))
    assert "fitted 0.2000 0.8000" in text
    assert "alidation" not in text


def test_a_system_with_fewer_queries_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_evaluation(tmp_path, {"base": BASE, "fitted": END[:3]})
    text = shown(capsys, str(tmp_path))
    assert "); 3 queries" in text
    assert "fitted has 3 of the 4 judged queries of scifact" in text


@pytest.mark.parametrize("system", ["base", "fitted"])
def test_a_query_with_two_values_is_refused(tmp_path: Path, system: str) -> None:
    """Averaged they would be one; other values of the query are left alone."""
    write_evaluation(tmp_path, {"base": BASE, "fitted": END})
    file = tmp_path / f"run-{['base', 'fitted'].index(system)}.per_query.parquet"
    table = pl.read_parquet(file)
    pl.concat([table, table.head(1)]).write_parquet(file)
    message = rf"{file.name}: .* of query 'q0' under {system} on scifact stands there"
    with pytest.raises(ValueError, match=message):
        main(["compare", str(tmp_path)])


def test_a_query_of_a_seed_with_two_values_is_refused(tmp_path: Path) -> None:
    write_run(tmp_path / "a", {0: BASE, 4: END}, seed=1)
    run = write_run(tmp_path / "b", {0: BASE, 4: END}, seed=2)
    file = run / "retrieval" / "val-4" / "dev.per_query.parquet"
    table = pl.read_parquet(file)
    pl.concat([table, table.tail(1)]).write_parquet(file)
    with pytest.raises(ValueError, match=r"b/retrieval/val-4/dev\.per_query.* 'q3'"):
        main(["compare", str(tmp_path)])


def test_what_cannot_be_compared_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no run and no evaluation"):
        main(["compare", str(tmp_path)])


def test_p_values_are_those_of_the_family_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_evaluation(tmp_path, {"base": BASE, "fitted": END, "other": BASE})
    assert "p (Holm)" not in (text := shown(capsys, str(tmp_path)))
    assert "No p values: name the comparisons" in text
    config = tmp_path / "family.yaml"
    config.write_text("family: [fitted > base]\n", "utf-8")
    text = shown(capsys, str(tmp_path), f"--config={config}")
    assert "Family of 1, nDCG@10" in text
    assert "fitted > base on scifact +0.1000 (" in text
    assert "No p values" not in text

"""TREC files: what trec_eval reads, and what comes back from them."""

from pathlib import Path

import polars as pl
import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from dr_lightning import trec
from dr_lightning.schemas import QRELS, RUN, check

RUN_ROWS = pl.DataFrame(
    {
        "query_id": ["q2", "q1"],
        "passage_id": [['a"b', "b,c"], ["é"]],
        "score": [[0.1, 1e-8], [-3.0]],
    }
)


def test_a_run_is_written_as_trec_eval_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "run.trec"
    trec.write_run(RUN_ROWS, path, "bm25")
    lines = ['q2 Q0 a"b 1 0.1 bm25', "q2 Q0 b,c 2 1e-8 bm25", "q1 Q0 é 1 -3.0 bm25"]
    assert path.read_text("utf-8").splitlines() == lines
    with path.open(encoding="utf-8") as stream:
        found = pytrec_eval.parse_run(stream)
    assert found == {"q2": {'a"b': 0.1, "b,c": 1e-8}, "q1": {"é": -3.0}}


finite = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(finite, min_size=1, max_size=20))
def test_every_float32_comes_back(
    tmp_path_factory: pytest.TempPathFactory, scores: list[float]
) -> None:
    path = tmp_path_factory.mktemp("run") / "run.trec"
    row = {
        "query_id": ["q"],
        "passage_id": [[str(n) for n in range(len(scores))]],
        "score": [sorted(scores, reverse=True)],
    }
    run = check(pl.DataFrame(row), RUN, "run")
    trec.write_run(run, path, "tag")
    assert trec.read_run(path).equals(run)


def test_a_run_is_ordered_by_score_then_by_the_file(tmp_path: Path) -> None:
    path = tmp_path / "run.trec"
    path.write_bytes(
        b"\xef\xbb\xbfq Q0 c 1 0.5 t\r\n\r\nr\tQ0\tx\t1\t1\tt\r\n"
        b"q Q0 a 2 0.5 t\r\n  q  Q0 b 3 2e0 t"
    )
    rows = trec.read_run(path).rows()
    assert rows == [("q", ["b", "c", "a"], [2.0, 0.5, 0.5]), ("r", ["x"], [1.0])]


def test_a_run_of_no_rows_comes_back(tmp_path: Path) -> None:
    empty = check(pl.DataFrame(schema=dict(RUN.columns)), RUN, "run")
    trec.write_run(empty, tmp_path / "run.trec", "tag")
    assert trec.read_run(tmp_path / "run.trec").equals(empty)


def test_qrels_come_back_as_trec_eval_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "test.qrels"
    rows = {"query_id": ["q", "q"], "passage_id": ["a", "b"], "relevance": [2, -1]}
    qrels = check(pl.DataFrame(rows), QRELS, "qrels")
    trec.write_qrels(qrels, path)
    assert trec.read_qrels(path).equals(qrels)
    with path.open(encoding="utf-8") as stream:
        assert pytrec_eval.parse_qrel(stream) == {"q": {"a": 2, "b": -1}}


@pytest.mark.parametrize(
    "line", ["q Q0 d 1 0.5", "q Q0 d 1 0.5 t more", "q Q0 d 1 high t", "q"]
)
def test_a_bad_line_of_a_run_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "run.trec"
    path.write_text(f"q Q0 c 1 0.5 t\n\n{line}\n")
    match = rf"run\.trec:3: expected 'query_id Q0 .*' .* got '{line}'"
    with pytest.raises(ValueError, match=match):
        trec.read_run(path)


def test_a_bad_line_of_qrels_is_named(tmp_path: Path) -> None:
    path = tmp_path / "test.qrels"
    path.write_text("q 0 d 1\nq 0 e 0.5\n")
    with pytest.raises(ValueError, match=r"test\.qrels:2: expected .* as relevance"):
        trec.read_qrels(path)


def test_a_passage_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.trec"
    path.write_text("q Q0 d 1 0.5 t\nq Q0 d 2 0.25 t\n")
    with pytest.raises(ValueError, match=r"run\.trec: .* has a passage twice"):
        trec.read_run(path)


def test_a_score_that_is_no_number_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.trec"
    path.write_text("q Q0 d 1 nan t\n")
    with pytest.raises(ValueError, match="has a null, NaN or infinite score"):
        trec.read_run(path)


@pytest.mark.parametrize("id_", ["a b", "a\tb", "a\u00a0b"])
def test_an_id_with_white_space_is_refused(tmp_path: Path, id_: str) -> None:
    run = RUN_ROWS.with_columns(query_id=pl.Series([id_, "q"]))
    with pytest.raises(ValueError, match=r"query_id 'a.*b' is empty or has white"):
        trec.write_run(run, tmp_path / "run.trec", "tag")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("column", ["query_id", "passage_id"])
def test_a_run_with_such_an_id_stays_parquet_and_that_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, column: str
) -> None:
    trec.write_beside(RUN_ROWS, tmp_path / "run.parquet", "tag")
    assert trec.read_run(tmp_path / "run.trec").equals(check(RUN_ROWS, RUN, "rows"))
    long = RUN_ROWS.explode("passage_id", "score")
    spaced = long.with_columns(pl.format("my {}", column).alias(column))
    spaced = spaced.group_by("query_id").agg("passage_id", "score")
    for _ in range(2):
        trec.write_beside(spaced, tmp_path / "run.parquet", "tag")
    assert not list(tmp_path.iterdir())
    assert [one.getMessage()[:40] for one in caplog.records] == [
        "no TREC file beside the runs: ids such a"
    ]


def test_a_tag_with_white_space_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="tag 'my system' is empty or has white"):
        trec.write_run(RUN_ROWS, tmp_path / "run.trec", "my system")


def test_missing_and_undecodable_files_are_told(tmp_path: Path) -> None:
    path = tmp_path / "run.trec"
    with pytest.raises(ValueError, match="no such file"):
        trec.read_run(path)
    path.write_bytes(b"q Q0 \xff 1 0.5 t\n")
    with pytest.raises(ValueError, match=r"run\.trec: is not UTF-8"):
        trec.read_run(path)

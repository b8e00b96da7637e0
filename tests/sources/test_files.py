"""Files of every format give the same table, and bad lines are named."""

import gzip
import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dr_lightning.sources.files import file_table
from dr_lightning.sources.table import Table

Rows = list[tuple[int | str | None, ...]]


def rows(table: Table, *names: str) -> Rows:
    return pl.concat(table.batches(names)).rows()


JSONL = '{"_id": 1, "text": "é", "n": [0]}\r\n\r\n{"_id": "x", "text": null, "m": {}}'
CSV = '_id,text\r\n1,"a ""b"",\nc"\r\n2,\r\n'
TSV = '_id\ttext\r\n1\t"a\r\n\r\n2\t\r\n'


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.jsonl", JSONL, [(1, "1", "é"), (3, "x", None)]),
        ("a.ndjson", JSONL, [(1, "1", "é"), (3, "x", None)]),
        ("a.csv", CSV, [(3, "1", 'a "b",\nc'), (4, "2", "")]),
        ("a.tsv", TSV, [(2, "1", '"a'), (4, "2", "")]),
    ],
)
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("zipped", [False, True])
def test_a_text_table(
    tmp_path: Path, name: str, text: str, expected: Rows, bom: str, zipped: bool
) -> None:
    path = tmp_path / (f"{name}.gz" if zipped else name)
    content = (bom + text).encode()
    path.write_bytes(gzip.compress(content) if zipped else content)
    table = file_table(path)
    assert rows(table, "_id", "text") == expected
    assert rows(table, "_id", "text") == expected, "a table can be read twice"


def test_names_come_from_all_records_not_the_first_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"_id": "1"}\n{"_id": "2", "title": "t"}\n')
    assert list(file_table(path).fields) == ["_id", "title"]


def test_a_parquet_table_gives_numbers_as_text(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"id": [7, 8], "text": ["a", None]}).write_parquet(path)
    assert rows(file_table(path), "id", "text") == [(1, "7", "a"), (2, "8", None)]


@pytest.mark.parametrize("name", ["a.qrels", "a.trec"])
def test_trec_qrels_are_a_table(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("q 0 d 2\n")
    table = file_table(path)
    assert rows(table, "query_id", "passage_id", "relevance") == [(1, "q", "d", "2")]


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_a_long_table_comes_in_batches(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    long = pl.DataFrame({"_id": range(45_000), "t": "x"})
    if suffix == "jsonl":
        long.write_ndjson(path)
    else:
        long.write_parquet(path, row_group_size=7_000)
    batches = list(file_table(path).batches(["_id"]))
    assert [len(batch) for batch in batches] == [20_000, 20_000, 5_000]
    whole = pl.concat(batches)
    assert whole["_id"].to_list() == [str(number) for number in range(45_000)]
    assert whole["line"].to_list() == list(range(1, 45_001))


def test_half_a_surrogate_pair_becomes_the_replacement_character(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"t": "cut \\ud83d"}\n{"t": "whole \\ud83d\\ude00"}\n')
    table = file_table(path)
    assert rows(table, "t") == [(1, "cut \ufffd"), (2, "whole \U0001f600")]


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=5))
def test_any_text_survives_json_lines(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    path = tmp_path_factory.mktemp("json") / "a.jsonl"
    lines = [json.dumps({"t": text}, ensure_ascii=False) for text in texts]
    path.write_bytes("\r\n".join(lines).encode())
    assert [row[1] for row in rows(file_table(path), "t")] == texts


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        (
            "a.jsonl",
            b'{"t": "a"}\n\n{"t": \n',
            r":3: broken JSON \(.* at character",
        ),
        ("a.jsonl", b'{"t": "a"}\n[1]\n', r":2: a line must be a JSON object, .* list"),
        ("a.jsonl", b'{"t": "a"}\n{"t": "\xff"}\n', r":2: is not UTF-8"),
        ("a.jsonl", b'{"t": "a"}\n{"t": true}\n', r":2: field 't' must be .* bool"),
        ("a.jsonl", b'{"t": "a"}\n{"t": ["b"]}\n', r":2: field 't' must be .* list"),
        ("a.csv", b"t,u\n1,2\n1\n", r":3: has 1 fields, but the first line names 2"),
        ("a.csv", b't,u\n1,"2\n', r":2: broken CSV"),
        ("a.csv", "t\n1\n".encode("utf-16"), r":1: is not UTF-8"),
        ("a.tsv", b"t\tu\n1\t2\t3\n", r":2: has 3 fields, but the first line names 2"),
        ("a.jsonl.gz", b"no gzip", r":1: broken gzip file"),
        (
            "a.jsonl.gz",
            gzip.compress(b'{"t": "a"}\n' * 99, mtime=0)[:-9],
            ": broken gzip file",
        ),
        ("a.parquet", b"no parquet", ": cannot be read as parquet"),
        (
            "a.json",
            b"[]",
            ": ends in '.json', but a table's name ends in one of .jsonl",
        ),
    ],
)
def test_a_bad_file_is_told_with_its_line(
    tmp_path: Path, name: str, content: bytes, fault: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{name}.*{fault}"):
        rows(file_table(path), "t")


def test_a_column_of_lists_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"t": [["a"]]}).write_parquet(path)
    with pytest.raises(ValueError, match="field 't' must be text or a number"):
        rows(file_table(path), "t")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file"):
        file_table(tmp_path / "none.jsonl")


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.tsv"])
def test_an_empty_file_has_no_fields(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert list(file_table(tmp_path / name).fields) == []

"""Where corpus, queries and qrels are found."""

from pathlib import Path

import polars as pl
import pytest

from dr_lightning.sources import Fields, Table, open_collection


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text('{"_id": "1"}\n' if "jsonl" in name else "query-id\n")


def test_a_beir_folder(tmp_path: Path) -> None:
    touch(tmp_path, "corpus.jsonl", "queries.jsonl", "qrels/dev.tsv", "qrels/test.tsv")
    found = open_collection(str(tmp_path))
    assert found.corpus.path == tmp_path / "corpus.jsonl"
    assert list(found.splits) == ["dev", "test"]
    for name, split in found.splits.items():
        assert split.queries.path == tmp_path / "queries.jsonl"
        assert split.qrels is not None
        assert split.qrels.path == tmp_path / "qrels" / f"{name}.tsv"
    assert list(open_collection(str(tmp_path), splits=["test"]).splits) == ["test"]


def test_a_file_is_a_corpus(tmp_path: Path) -> None:
    touch(tmp_path, "my.jsonl")
    assert open_collection(str(tmp_path / "my.jsonl")).splits == {}


def test_one_file_of_qrels_has_no_split(tmp_path: Path) -> None:
    touch(tmp_path, "my.jsonl", "q.jsonl", "r.tsv")
    corpus, queries, qrels = (
        str(tmp_path / n) for n in ("my.jsonl", "q.jsonl", "r.tsv")
    )
    assert list(open_collection(corpus, queries, qrels).splits) == [""]


def test_queries_may_come_without_judgements(tmp_path: Path) -> None:
    touch(tmp_path, "corpus.jsonl", "queries.jsonl")
    assert open_collection(str(tmp_path)).splits[""].qrels is None


def test_a_folder_of_parquet_is_a_corpus(tmp_path: Path) -> None:
    for name in "ab":
        pl.DataFrame({"id": [name]}).write_parquet(tmp_path / f"{name}.parquet")
    table = open_collection(str(tmp_path)).corpus
    assert pl.concat(table.batches(["id"])).rows() == [(1, "a"), (2, "b")]


def test_a_split_that_is_not_there_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "corpus.jsonl", "queries.jsonl", "qrels/test.tsv")
    with pytest.raises(ValueError, match="has no split 'train'; found test"):
        open_collection(str(tmp_path), splits=["train"])


def test_qrels_without_queries_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "corpus.jsonl", "qrels/test.tsv")
    with pytest.raises(ValueError, match="no queries for the qrels"):
        open_collection(str(tmp_path))


def test_two_corpora_in_a_folder_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "corpus.jsonl", "corpus.jsonl.gz")
    match = r"has corpus\.jsonl and corpus\.jsonl\.gz\. Keep one"
    with pytest.raises(ValueError, match=match):
        open_collection(str(tmp_path))


def test_a_folder_of_several_tables_is_no_corpus(tmp_path: Path) -> None:
    touch(tmp_path, "a.jsonl", "b.jsonl")
    with pytest.raises(ValueError, match="has a, b, but one table is wanted"):
        open_collection(str(tmp_path))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no corpus file and no tables"):
        open_collection(str(tmp_path))


def table(*fields: str) -> Table:
    return Table("f", fields, lambda _: iter(()))


def test_usual_fields_are_guessed() -> None:
    guess = Fields()
    assert guess.corpus(table("docid", "contents", "title")) == {
        "passage_id": "docid",
        "text": "contents",
        "title": "title",
    }
    assert guess.queries(table("text", "qid")) == {"query_id": "qid", "text": "text"}
    assert guess.qrels(table("query-id", "corpus-id", "score")) == {
        "query_id": "query-id",
        "passage_id": "corpus-id",
        "relevance": "score",
    }


def test_a_named_field_goes_before_the_usual_ones() -> None:
    fields = Fields(passage_id="key", text="body", query_id="nr")
    assert fields.corpus(table("id", "text", "key", "body"))["text"] == "body"
    judged = fields.qrels(table("nr", "corpus_id", "rel"))
    assert list(judged.values()) == ["nr", "corpus_id", "rel"]


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        (Fields(), r"f: no field 'text' or .*; found 'id', 'x'\. .*--fields\.text"),
        (Fields(text="y"), "f: no field 'y'; found 'id', 'x'"),
        (Fields(text="x", title="y"), r"no field 'y'.*--fields\.title"),
    ],
)
def test_a_field_that_is_not_there_is_told(fields: Fields, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        fields.corpus(table("id", "x"))

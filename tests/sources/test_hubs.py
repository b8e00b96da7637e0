"""Data sets of other packages; without them the message says how to get them."""

import sys
from pathlib import Path

import polars as pl
import pytest

from dr_lightning.sources import open_collection
from dr_lightning.sources.table import Table


def rows(table: Table | None, *names: str) -> list[tuple[int | str, ...]]:
    assert table is not None
    return pl.concat(table.batches(names)).rows()


@pytest.mark.parametrize(
    ("source", "package"), [("hf:a", "datasets"), ("ir_datasets:a", "ir_datasets")]
)
def test_a_missing_package_is_told(
    monkeypatch: pytest.MonkeyPatch, source: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    match = rf"{package} is missing.*pip install 'dr-lightning\[ingest\]'"
    with pytest.raises(ValueError, match=match):
        open_collection(source)


def test_an_address_of_too_many_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="hf:a:b:c:d: a data set is named by hf:NAME"):
        open_collection("hf:a:b:c:d")


def test_a_saved_data_set(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    corpus = datasets.Dataset.from_dict({"_id": [1, 2], "text": ["a", None]})
    corpus.save_to_disk(str(tmp_path / "corpus"))
    queries = datasets.Dataset.from_dict({"_id": ["q"], "text": ["why"]})
    datasets.DatasetDict({"queries": queries}).save_to_disk(str(tmp_path / "queries"))
    row = {"query-id": ["q"], "corpus-id": ["1"], "score": [1.0]}
    judged = datasets.Dataset.from_dict(row)
    qrels = datasets.DatasetDict({"dev": judged, "test": judged})
    qrels.save_to_disk(str(tmp_path / "qrels"))
    found = open_collection(str(tmp_path))
    assert rows(found.corpus, "_id", "text") == [(1, "1", "a"), (2, "2", None)]
    assert list(found.splits) == ["dev", "test"]
    assert rows(found.splits["dev"].queries, "text") == [(1, "why")]
    assert rows(found.splits["test"].qrels, "score") == [(1, "1.0")]


def test_a_data_set_of_files(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    (tmp_path / "train.jsonl").write_text('{"_id": "1", "text": "a"}\n')
    address = f"hf:{tmp_path}::train"
    assert rows(open_collection(address).corpus, "text") == [(1, "a")]


def test_an_ir_dataset(tmp_path: Path) -> None:
    ir_datasets = pytest.importorskip("ir_datasets")
    (tmp_path / "docs.tsv").write_text("1\tlift\n2\tdrag\n")
    (tmp_path / "queries.tsv").write_text("q\twhat is lift\n")
    (tmp_path / "qrels").write_text("q 0 1 2\n")
    made = ir_datasets.create_dataset(
        docs_tsv=str(tmp_path / "docs.tsv"),
        queries_tsv=str(tmp_path / "queries.tsv"),
        qrels_trec=str(tmp_path / "qrels"),
    )
    ir_datasets.registry.register("dr-lightning-test", made)
    ir_datasets.registry.register("dr-lightning-test/dev", made)
    found = open_collection("ir_datasets:dr-lightning-test")
    assert rows(found.corpus, "doc_id", "text") == [(1, "1", "lift"), (2, "2", "drag")]
    assert rows(found.splits[""].queries, "text") == [(1, "what is lift")]
    assert rows(found.splits[""].qrels, "doc_id", "relevance") == [(1, "1", "2")]
    split = open_collection("ir_datasets:dr-lightning-test", splits=["dev"])
    assert list(split.splits) == ["dev"]
    with pytest.raises(ValueError, match="ir_datasets has no 'dr-lightning-none'"):
        open_collection("ir_datasets:dr-lightning-none")
    with pytest.raises(ValueError, match="brings its own queries and qrels"):
        open_collection("ir_datasets:dr-lightning-test", queries="q.jsonl")

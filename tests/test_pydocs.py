"""The data set that comes with the project: corpus, test set and training queries."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dr_lightning import artefacts, schemas
from dr_lightning.generation.query_type import load_query_types

PYDOCS = Path(__file__).parents[1] / "data" / "pydocs"
QUERY_TYPES = {"question", "keywords", "search", "claim", "title", "msmarco"}


def build_corpus(out: Path, hash_seed: str = "0") -> pl.DataFrame:
    command = [sys.executable, str(PYDOCS / "make_corpus.py"), "--out", str(out)]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    return artefacts.read(out, schemas.CORPUS)


@pytest.fixture(scope="session")
def corpus_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pydocs") / "corpus.parquet"
    build_corpus(path)
    return path


@pytest.fixture(scope="session")
def corpus(corpus_path: Path) -> pl.DataFrame:
    return artefacts.read(corpus_path, schemas.CORPUS)


@pytest.fixture
def make_collection(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(PYDOCS)
    return importlib.import_module("make_collection")


def questions() -> list[dict[str, Any]]:
    lines = (PYDOCS / "test.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def plain(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def share_known(ids: pl.Series, corpus: pl.DataFrame) -> float:
    return int(ids.is_in(corpus["passage_id"].implode()).sum()) / len(ids)


# --- the corpus ---------------------------------------------------------------------


def test_corpus_has_thousands_of_short_clean_passages(corpus: pl.DataFrame) -> None:
    assert 4_000 < len(corpus) < 9_000
    assert corpus["passage_id"].n_unique() == len(corpus)
    assert corpus["text"].str.len_chars().is_between(10, 2048).all()
    for column in ("title", "text"):
        assert not corpus[column].str.contains(r"[\x00-\x1f\x7f]| at 0x").any()


def test_corpus_comes_with_a_manifest(corpus_path: Path, corpus: pl.DataFrame) -> None:
    manifest = artefacts.read_manifest(corpus_path)
    assert manifest["counts"] == {"passages": len(corpus)}
    assert manifest["settings"]["python"] == sys.version.split()[0]


def test_few_texts_are_repeated(corpus: pl.DataFrame) -> None:
    assert corpus["text"].n_unique() > 0.99 * len(corpus)


@pytest.mark.parametrize(
    ("passage_id", "title", "text"),
    [
        ("str.split", "str.split(sep=None, maxsplit=-1)", "Return a list of"),
        (
            "itertools.chain.from_iterable",
            "itertools.chain.from_iterable(iterable, /)",
            "Alternative chain() constructor",
        ),
        ("os.path.join", "os.path.join(a, ", "Join two or more pathname components"),
        ("open", "open(file, mode='r', ", "Open file and return a stream."),
        ("dict.get", "dict.get(key, default=None, /)", "Return the value for key"),
        ("random.randint", "random.randint(a, b)", "Return random integer in range"),
        ("socket.socket.connect", "socket.socket.connect(", "Connect the socket to a"),
        ("getpass.getpass", "getpass.getpass(prompt=", "Prompt for a password"),
        ("typing.Optional", "typing.Optional", "Optional[X]"),
        ("concurrent.futures.ThreadPoolExecutor", "concurrent.futures.", "Initializes"),
        ("topic:with#1", "The with statement", 'The "with" statement is used to wrap'),
    ],
)
def test_known_passages(
    corpus: pl.DataFrame, passage_id: str, title: str, text: str
) -> None:
    found = corpus.row(by_predicate=pl.col("passage_id") == passage_id, named=True)
    assert found["title"].startswith(title)
    assert found["text"].startswith(text)


@pytest.mark.parametrize(
    ("other_name", "passage_id"),
    [
        ("posixpath.join", "os.path.join"),
        ("IOError", "OSError"),
        ("socket.error", "OSError"),
        ("unittest.case.TestCase.assertRaises", "unittest.TestCase.assertRaises"),
        ("random.Random.randint", "random.randint"),
        ("json.decoder.JSONDecoder", "json.JSONDecoder"),
        ("socket.SocketType.connect", "socket.socket.connect"),
        ("collections.OrderedDict.get", "dict.get"),
    ],
)
def test_an_object_stands_under_one_name(
    corpus: pl.DataFrame, other_name: str, passage_id: str
) -> None:
    ids = set(corpus["passage_id"])
    assert passage_id in ids
    assert other_name not in ids


def test_no_private_names_and_no_modules_with_side_effects(
    corpus: pl.DataFrame,
) -> None:
    names = corpus["passage_id"].str.split("#").list.first().str.split(".")
    assert not names.list.eval(pl.element().str.starts_with("_")).list.any().any()
    tops = set(names.list.first())
    assert not tops & {"antigravity", "this", "idlelib", "test", "tkinter", "turtle"}


@pytest.mark.slow
def test_corpus_is_the_same_each_time(corpus: pl.DataFrame, tmp_path: Path) -> None:
    assert build_corpus(tmp_path / "again.parquet", hash_seed="1").equals(corpus)


def test_doctests() -> None:
    files = ["passages.py", "signatures.py"]
    command = [sys.executable, "-m", "doctest", *files]
    done = subprocess.run(
        command, cwd=PYDOCS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


# --- the test set -------------------------------------------------------------------


def test_test_set_is_large_and_graded() -> None:
    rows = questions()
    assert len(rows) >= 150
    assert len({row["query_id"] for row in rows}) == len(rows)
    assert len({plain(row["text"]) for row in rows}) == len(rows)
    for row in rows:
        grades = list(row["relevant"].values())
        assert 1 <= len(grades) <= 6, row
        assert set(grades) <= {1, 2}, row
        assert 2 in grades, row


def test_test_set_resolves_in_this_interpreter(corpus: pl.DataFrame) -> None:
    ids = set(corpus["passage_id"])
    judged = [passage for row in questions() for passage in row["relevant"]]
    missing = [passage for passage in judged if passage not in ids]
    assert len(missing) <= 0.05 * len(judged), missing


def test_collection_drops_what_the_corpus_lacks(
    make_collection: Any, corpus: pl.DataFrame, tmp_path: Path
) -> None:
    # "enumerate" is the only answer of one question, "zip" one of two of another.
    lacking = corpus.filter(~pl.col("passage_id").is_in(["enumerate", "zip"]))
    path = tmp_path / "corpus.parquet"
    lacking.write_parquet(path)
    make_collection.make_collection(path, tmp_path)
    queries = artefacts.read(tmp_path / "test_queries.parquet", schemas.QUERIES)
    qrels = artefacts.read(tmp_path / "test_qrels.parquet", schemas.QRELS)
    assert set(qrels["query_id"]) == set(queries["query_id"])
    assert not set(qrels["passage_id"]) - set(lacking["passage_id"])
    lost = {row["query_id"] for row in questions()} - set(queries["query_id"])
    assert {row["text"] for row in questions() if row["query_id"] in lost} == {
        "loop over a list and know which position I am at"
    }
    manifest = artefacts.read_manifest(tmp_path / "test_queries.parquet")
    assert manifest["dropped"] == {"no answer in corpus": 1}


def test_training_data_loses_sources_and_candidates_that_the_corpus_lacks(
    make_collection: Any, tmp_path: Path
) -> None:
    queries = [("0", "a", "title", "p"), ("1", "b", "title", "gone")]
    scores = [("0", ["q", "gone", "p"], [3.0, 2.0, 1.0]), ("1", ["p"], [1.0])]
    pl.DataFrame(queries, list(schemas.QUERIES.columns), orient="row").write_parquet(
        tmp_path / "queries.parquet"
    )
    pl.DataFrame(
        scores, list(schemas.TEACHER_SCORES.columns), orient="row"
    ).write_parquet(tmp_path / "teacher_scores.parquet")
    parts = make_collection.training_data(tmp_path, pl.Series(["p", "q"]))
    kept, _, no_source = parts["queries"]
    lists, schema, unknown = parts["teacher_scores"]
    assert kept["query_id"].to_list() == ["0"]
    assert no_source == {"source not in corpus": 1}
    assert schemas.check(lists, schema, "lists").rows() == [
        ("0", ["q", "p"], [3.0, 1.0])
    ]
    assert unknown == {"passage not in corpus": 1}


# --- the training data --------------------------------------------------------------


def test_training_queries(corpus: pl.DataFrame) -> None:
    queries = artefacts.read(PYDOCS / "queries.parquet", schemas.QUERIES)
    assert 600 <= len(queries) <= 1500
    assert set(queries["query_type"]) == QUERY_TYPES
    sources = queries["source_passage_id"]
    assert sources.n_unique() == len(queries)
    assert share_known(sources, corpus) >= 0.95
    held_out = {plain(row["text"]) for row in questions()}
    assert not held_out & {plain(text) for text in queries["text"]}


def test_teacher_scores_belong_to_the_training_queries(corpus: pl.DataFrame) -> None:
    scores = artefacts.read(PYDOCS / "teacher_scores.parquet", schemas.TEACHER_SCORES)
    queries = artefacts.read(PYDOCS / "queries.parquet", schemas.QUERIES)
    assert set(scores["query_id"]) <= set(queries["query_id"])
    candidates = scores["passage_id"].explode(empty_as_null=False)
    assert share_known(candidates, corpus) >= 0.95


def test_examples_name_no_entry_of_the_corpus(corpus: pl.DataFrame) -> None:
    ids = set(corpus["passage_id"])
    paths = sorted((PYDOCS / "query_types").glob("*.yaml"))
    types = load_query_types([str(path) for path in paths], None)
    assert set(types) == QUERY_TYPES
    for query_type in types.values():
        passages = [example.passage for example in query_type.examples]
        assert len(passages) >= 10
        assert not {passage.partition("(")[0] for passage in passages} & ids

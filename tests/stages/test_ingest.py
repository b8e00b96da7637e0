"""`ingest` from files to artefacts: what stays, what is dropped, what is refused."""

import json
import logging
import os
from pathlib import Path

import polars as pl
import pytest

from dr_lightning import artefacts
from dr_lightning.cli import main
from dr_lightning.schemas import CORPUS, QRELS, QUERIES
from dr_lightning.sources import Fields
from dr_lightning.stages.ingest import ingest

CORPUS_LINES: list[dict[str, object]] = [
    {"_id": 1, "title": "Lift", "text": " lift is\na force "},
    {"_id": "2", "title": None, "text": "drag\tslows", "metadata": {}},
    {"_id": "3", "title": "", "text": " \n"},
    {"_id": "2", "title": "", "text": "drag slows"},
]
QUERY_LINES: list[dict[str, object]] = [
    {"_id": "p", "text": "what is lift"},
    {"_id": "q", "text": "what slows\r\na wing"},
    {"_id": "r", "text": ""},
    {"_id": "s", "text": "nobody judged this"},
]
TRAIN = "p\t1\t2\np\t1\t2\nq\t2\t-1\nx\t1\t1\nr\t1\t1\n"
TEST = "q\t3\t1\nq\t2\t1.0\n"


def write_lines(path: Path, lines: list[dict[str, object]]) -> None:
    text = "".join(json.dumps(line) + "\n" for line in lines)
    path.write_text(text, "utf-8")


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    """A small collection with one of each of the usual faults."""
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    write_lines(folder / "corpus.jsonl", CORPUS_LINES)
    write_lines(folder / "queries.jsonl", QUERY_LINES)
    for name, lines in (("train", TRAIN), ("test", TEST)):
        path = folder / "qrels" / f"{name}.tsv"
        path.write_text("query-id\tcorpus-id\tscore\n" + lines)
    return folder


def test_a_beir_folder_becomes_artefacts_by_split(beir: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ingest(beir, out)
    assert artefacts.read(out / "corpus.parquet", CORPUS).rows() == [
        ("1", "Lift", "lift is a force"),
        ("2", "", "drag slows"),
    ]
    train, test = out / "train", out / "test"
    assert artefacts.read(train / "queries.parquet", QUERIES).rows() == [
        ("p", "what is lift", "human", None),
        ("q", "what slows  a wing", "human", None),
    ]
    assert artefacts.read(test / "queries.parquet", QUERIES)["query_id"].item() == "q"
    judged = artefacts.read(train / "qrels.parquet", QRELS).rows()
    assert judged == [("p", "1", 2), ("q", "2", -1)]
    names = sorted(path.name for path in out.iterdir())
    assert names == ["corpus.manifest.json", "corpus.parquet", "test", "train"]


def test_judgements_of_dropped_passages_stay(beir: Path, tmp_path: Path) -> None:
    ingest(beir, tmp_path / "out")
    path = tmp_path / "out" / "test" / "qrels.parquet"
    assert artefacts.read(path, QRELS).rows() == [("q", "3", 1), ("q", "2", 1)]
    counts = artefacts.read_manifest(path)["counts"]
    assert counts == {"read": 2, "written": 2, "passage not in the corpus": 1}


def test_manifests_count_every_drop(beir: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ingest(beir, out)
    corpus = artefacts.read_manifest(out / "corpus.parquet")
    uncut = {"cut at max_characters": 0}
    assert corpus["counts"] == {"read": 4, "written": 2} | uncut
    assert corpus["dropped"] == {"empty": 1, "repeated": 1}
    assert corpus["settings"]["max_characters"] == 2048
    source = artefacts.fingerprint(beir / "corpus.jsonl")
    assert corpus["inputs"] == {"source": source}
    queries = artefacts.read_manifest(out / "train" / "queries.parquet")
    assert queries["counts"] == {"read": 4, "written": 2} | uncut
    assert queries["dropped"] == {"empty": 1, "repeated": 0, "not judged here": 1}
    qrels = artefacts.read_manifest(out / "train" / "qrels.parquet")
    assert qrels["dropped"] == {"repeated": 1, "of an unknown query": 2}


def test_one_line_tells_it_all(
    beir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        ingest(beir, tmp_path / "out", splits=["test"])
    expected = (
        "ingest: corpus 4 -> 2 (1 empty, 1 repeated); test/qrels 2 -> 2 (1 passage not "
        "in the corpus); test/queries 4 -> 1 (1 empty, 2 not judged here) -> "
        f"{tmp_path / 'out'}"
    )
    assert caplog.messages == [expected]


def test_single_files_go_into_the_folder_itself(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text('nr,head,body\n7,H,"a\nb"\n')
    pl.DataFrame({"qid": [1], "question": ["why"]}).write_parquet(
        tmp_path / "q.parquet"
    )
    (tmp_path / "r.qrels").write_text("1 0 7 1\n")
    ingest(
        tmp_path / "c.csv",
        tmp_path / "out",
        tmp_path / "q.parquet",
        tmp_path / "r.qrels",
        fields=Fields(passage_id="nr", title="head"),
    )
    corpus = artefacts.read(tmp_path / "out" / "corpus.parquet", CORPUS)
    assert corpus.rows() == [("7", "H", "a b")]
    queries = artefacts.read(tmp_path / "out" / "queries.parquet", QUERIES)
    assert queries.row(0)[:2] == ("1", "why")
    qrels = artefacts.read(tmp_path / "out" / "qrels.parquet", QRELS)
    assert qrels.rows() == [("1", "7", 1)]


def test_queries_without_judgements_all_stay(beir: Path, tmp_path: Path) -> None:
    corpus, queries = beir / "corpus.jsonl", beir / "queries.jsonl"
    ingest(corpus, tmp_path / "out", queries)
    found = artefacts.read(tmp_path / "out" / "queries.parquet", QUERIES)
    assert found["query_id"].to_list() == ["p", "q", "s"]


@pytest.mark.parametrize(("limit", "length"), [(5, 5), (None, 3000)])
def test_texts_are_cut(tmp_path: Path, limit: int | None, length: int) -> None:
    write_lines(tmp_path / "c.jsonl", [{"_id": "1", "text": "x" * 3000}])
    ingest(tmp_path / "c.jsonl", tmp_path / "out", max_characters=limit)
    corpus = artefacts.read(tmp_path / "out" / "corpus.parquet", CORPUS)
    assert corpus["text"].str.len_chars().item() == length


def test_what_is_cut_is_counted_in_manifests_and_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of rows that stay, by the length after cleaning; a row with two counts once."""
    corpus: list[dict[str, object]] = [
        {"_id": "1", "title": "", "text": "lift is a force"},
        {"_id": "2", "title": "drag slows", "text": "so it does"},
        {"_id": "3", "title": " drag\n ", "text": "slows   "},
        {"_id": "1", "title": "", "text": "lift is a force"},
    ]
    write_lines(tmp_path / "c.jsonl", corpus)
    write_lines(
        tmp_path / "q.jsonl",
        [{"_id": i, "text": "what is lift"} for i in ("judged", "not judged")],
    )
    (tmp_path / "r.qrels").write_text("judged 0 1 1\n")
    files = [tmp_path / name for name in ("c.jsonl", "q.jsonl", "r.qrels")]
    out = tmp_path / "out"
    with caplog.at_level(logging.INFO):
        ingest(files[0], out, files[1], files[2], max_characters=5)
    assert "corpus 4 -> 3 (1 repeated, 2 cut at max_characters)" in caplog.text
    expected = "queries 2 -> 1 (1 not judged here, 1 cut at max_characters)"
    assert expected in caplog.text
    for name, count in (("corpus", 2), ("queries", 1)):
        manifest = artefacts.read_manifest(out / f"{name}.parquet")
        assert manifest["counts"]["cut at max_characters"] == count
    ingest(files[0], tmp_path / "whole", max_characters=None)
    manifest = artefacts.read_manifest(tmp_path / "whole" / "corpus.parquet")
    assert manifest["counts"]["cut at max_characters"] == 0


def test_a_limit_below_one_is_refused(beir: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="max_characters must be at least 1 or null"):
        ingest(beir, tmp_path / "out", max_characters=0)


@pytest.mark.parametrize(
    ("file", "text", "match"),
    [
        ("corpus.jsonl", "", r"corpus\.jsonl: no field '_id' or .*; found none"),
        ("queries.jsonl", "", r"queries\.jsonl: no field"),
        ("qrels/test.tsv", "", r"test\.tsv: no field"),
        ("qrels/test.tsv", "qid\tpid\trel\n", r"test\.tsv: has no rows"),
        (
            "corpus.jsonl",
            '{"_id": "1", "text": ""}\n',
            r"no row is left of 1 \(1 empty",
        ),
        (
            "corpus.jsonl",
            '{"_id": "1", "text": "a"}\n{',
            r"corpus\.jsonl:2: broken JSON",
        ),
        (
            "corpus.jsonl",
            '{"_id": "1", "text": "a"}\n{"text": "b"}\n{"_id": " ", "text": "c"}\n',
            r"corpus\.jsonl:2: has no passage_id; .* \(and 1 others\)",
        ),
        (
            "corpus.jsonl",
            '{"_id": "1", "text": "a"}\n\n{"_id": 1, "text": "b"}\n',
            r"corpus\.jsonl:3: passage_id '1' stands in line 1 too, with another title",
        ),
        (
            "queries.jsonl",
            '{"_id": "q", "text": "a"}\n{"_id": "q", "text": "b"}\n',
            r"queries\.jsonl:2: query_id 'q' stands in line 1 too, with another text",
        ),
        (
            "qrels/test.tsv",
            "qid\tpid\trel\nq\t1\t1\nq\t1\t2\n",
            r"test\.tsv:3: query_id 'q', passage_id '1' stands in line 2 too",
        ),
        (
            "qrels/test.tsv",
            "qid\tpid\trel\nq\t1\thigh\n",
            r"test\.tsv:2: relevance must be a whole number",
        ),
        (
            "qrels/test.tsv",
            "qid\tpid\trel\nq\t1\t0.5\n",
            r"test\.tsv:2: relevance must be a whole number",
        ),
        (
            "qrels/test.tsv",
            "qid\tpid\trel\nq7\t1\t1\n",
            r"no query_id is in .*queries\.jsonl; one has ids such as 'q7', the .* 'p'",
        ),
        (
            "qrels/test.tsv",
            "qid\tpid\trel\nq\tdoc1\t1\n",
            r"no passage_id is in .*corpus\.jsonl; one has ids such as 'doc1'",
        ),
    ],
)
def test_bad_input_is_named_and_leaves_no_artefact(
    beir: Path, tmp_path: Path, file: str, text: str, match: str
) -> None:
    (beir / file).write_text(text)
    with pytest.raises(ValueError, match=match):
        ingest(beir, tmp_path / "out", splits=["test"])
    assert not list((tmp_path / "out").glob("*"))


def test_existing_outputs_are_refused_before_reading(
    beir: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ingest(beir, out)
    (beir / "corpus.jsonl").write_text('{"_id": "", "text": "b"}\n')
    with pytest.raises(ValueError, match=r"corpus\.parquet exists.*overwrite: true"):
        ingest(beir, out)
    (beir / "corpus.jsonl").write_text('{"_id": "2", "text": "b"}\n')
    ingest(beir, out, splits=["test"], overwrite=True)
    assert artefacts.read(out / "corpus.parquet", CORPUS)["text"].item() == "b"


def test_the_command_line(beir: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    main(["ingest", "--source", str(beir), "--out", str(out), "--splits", "[test]"])
    assert (out / "test" / "qrels.parquet").is_file()
    with pytest.raises(ValueError, match="exists"):
        main(["ingest", "--source", str(beir), "--out", str(out)])


COUNTS = {
    "scifact": (5183, {"train": (809, 919), "test": (300, 339)}),
    "cranfield": (1398, {"test": (225, 1837)}),
    "vaswani": (11429, {"test": (93, 2083)}),
}


@pytest.mark.collections
@pytest.mark.parametrize("name", COUNTS)
def test_real_collections(tmp_path: Path, name: str) -> None:
    """Two of Cranfield's 1,400 passages are empty, and one of these is judged."""
    root = os.environ.get("DR_LIGHTNING_BEIR")
    if root is None:
        pytest.skip("DR_LIGHTNING_BEIR names no folder of collections")
    ingest(Path(root) / name, tmp_path)
    passages, splits = COUNTS[name]
    corpus = artefacts.read(tmp_path / "corpus.parquet", CORPUS)
    assert len(corpus) == passages
    assert corpus["text"].str.len_chars().max() <= 2048  # type: ignore[operator]
    for split, (queries, qrels) in splits.items():
        asked = artefacts.read(tmp_path / split / "queries.parquet", QUERIES)
        judged = artefacts.read(tmp_path / split / "qrels.parquet", QRELS)
        assert (len(asked), len(judged)) == (queries, qrels)
        unknown = judged.join(corpus, on="passage_id", how="anti")
        expected = [("125", "995", 2)] if name == "cranfield" else []
        assert unknown.rows() == expected

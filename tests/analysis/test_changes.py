"""Queries that gained and lost, with texts; gains by type and by length."""

from pathlib import Path

import polars as pl
import pytest

from dr_lightning import artefacts, schemas
from dr_lightning.analysis.changes import most_changed
from dr_lightning.analysis.collection_files import CollectionFiles, collection_files
from dr_lightning.analysis.groups import by_length, by_type, grouped
from dr_lightning.analysis.results import Results, load
from dr_lightning.analysis.scores import scores
from tests.run_folders import write_evaluation, write_values

BASE = [0.2, 0.4, 0.9, 0.1, 0.5]
NEW = [0.6, 0.4, 0.3, 0.2, 0.4]
WORDS = [1, 5, 2, 3, 4]
TYPES = ["claim", "title", "title", "claim", "claim"]


def write_collection(folder: Path) -> dict[str, str]:
    """Corpus, queries and qrels; query i has WORDS[i] words."""
    frames = {
        "corpus": (
            pl.DataFrame(
                {"passage_id": ["a", "b"], "title": ["A", ""], "text": "text"}
            ),
            schemas.CORPUS,
        ),
        "queries": (
            pl.DataFrame(
                {
                    "query_id": [*(f"q{n}" for n in range(5)), "unjudged"],
                    "text": [*(" ".join(["word"] * n) for n in WORDS), "word " * 40],
                    "query_type": [*TYPES, "claim"],
                    "source_passage_id": pl.Series([None] * 6, dtype=pl.String),
                }
            ),
            schemas.QUERIES,
        ),
        "qrels": (
            pl.DataFrame({"query_id": ["q0"], "passage_id": ["a"], "relevance": [2]}),
            schemas.QRELS,
        ),
    }
    paths = {}
    for name, (frame, schema) in frames.items():
        path = folder / f"{name}.parquet"
        artefacts.write(frame, path, schema, artefacts.Manifest(stage="test"))
        paths[name] = str(path)
    return paths


@pytest.fixture
def results(tmp_path: Path) -> Results:
    folder = tmp_path / "out"
    write_evaluation(folder, {"base": BASE, "fitted": NEW})
    settings = {"collection": write_collection(tmp_path)}
    for number, values in enumerate((BASE, NEW)):
        write_values(folder / f"run-{number}.parquet", values, settings)
    return load([folder])


@pytest.fixture
def files(results: Results) -> CollectionFiles:
    return collection_files(results.judged, "scifact")


def test_most_gained_and_most_lost_come_with_their_passages(
    results: Results, files: CollectionFiles
) -> None:
    gained, lost = most_changed(
        scores(results), results.judged, files, "fitted", "scifact"
    )
    assert [one.query_id for one in gained] == ["q0", "q3"]
    assert [one.query_id for one in lost] == ["q2", "q4"]
    first = gained[0]
    assert (first.text, first.before, first.after) == ("word", 0.2, 0.6)
    # 0.2 is at most 0.5 and ranks b first, 0.6 ranks a.
    before = [(p.passage_id, p.text, p.relevance) for p in first.found_before]
    assert before == [("b", "text", None), ("a", "A text", 2)]
    assert [p.passage_id for p in first.found_after] == ["a", "b"]


def test_gains_by_type(results: Results, files: CollectionFiles) -> None:
    found = scores(results)
    judged = found.of("base", "scifact")["query_id"]
    groups = grouped(found, "fitted", "scifact", by_type(files, judged))
    told = {g.label: (g.queries, round(g.before, 6), round(g.after, 6)) for g in groups}
    assert told == {"claim": (3, 0.266667, 0.4), "title": (2, 0.65, 0.35)}
    claim = next(group for group in groups if group.label == "claim").difference
    assert claim is not None
    # 0.4, 0.1 and -0.1
    assert (round(claim.mean, 6), claim.gained, claim.lost) == (0.133333, 2, 1)


def test_lengths_are_cut_at_the_quartiles_of_the_judged_queries(
    results: Results, files: CollectionFiles
) -> None:
    """Ranks 0 to 4 of 5 in quarters: {1, 2}, {3}, {4}, {5}."""
    judged = scores(results).of("base", "scifact")["query_id"]
    table = by_length(files, judged)
    assert table.rows() == [
        ("q0", "1 to 2 words"),
        ("q2", "1 to 2 words"),
        ("q3", "3 words"),
        ("q4", "4 words"),
        ("q1", "5 words"),
    ]
    groups = grouped(scores(results), "fitted", "scifact", table)
    assert [group.label for group in groups] == table["group"].unique(
        maintain_order=True
    ).to_list()
    assert groups[1].difference is None  # a single query


def test_a_group_is_named_in_words() -> None:
    """Of queries without a type, and of those of a single word."""
    queries = pl.DataFrame(
        {
            "query_id": ["q0", "q1", "q2"],
            "text": ["word", "two words", "two words"],
            "query_type": [None, "claim", None],
        }
    )
    files = CollectionFiles(queries=queries.lazy())
    ids = queries["query_id"]
    types = by_type(files, ids)["group"].to_list()
    assert types == ["without a type", "claim", "without a type"]
    assert by_length(files, ids)["group"].to_list() == ["1 word", "2 words", "2 words"]


def test_files_that_are_gone_are_told_and_the_rest_goes_on(
    results: Results, tmp_path: Path
) -> None:
    (tmp_path / "corpus.parquet").unlink()
    files = collection_files(results.judged, "scifact")
    assert len(files.notes) == 1
    assert "corpus.parquet" in files.notes[0]
    gained, _ = most_changed(
        scores(results), results.judged, files, "fitted", "scifact"
    )
    assert gained[0].text == "word"
    assert gained[0].found_after[0].text == ""


def test_an_evaluation_that_names_no_files_has_no_texts(tmp_path: Path) -> None:
    write_evaluation(tmp_path, {"base": BASE, "fitted": NEW})
    results = load([tmp_path])
    files = collection_files(results.judged, "scifact")
    assert "queries (not named)" in files.notes[0]
    judged = scores(results).of("base", "scifact")["query_id"]
    assert by_type(files, judged).is_empty()
    assert grouped(scores(results), "fitted", "scifact", by_length(files, judged)) == []

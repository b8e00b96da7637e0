"""The score stage: restarts, workers, order of ties, drops, and the command line."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from jsonargparse import auto_cli
from numpy.typing import NDArray

from dr_lightning import artefacts, schemas
from dr_lightning.inputs import read_run
from dr_lightning.models.teachers import SequenceClassifier
from dr_lightning.stages.score import score
from dr_lightning.trec import write_run

CORPUS = {f"p{row}": "list " * (row % 4) + "zip" * (row > 2) for row in range(8)}
QUERIES = {f"q{row}": f"sort {row}" for row in range(5)}
RUN = {
    query: [f"p{(row + shift) % 8}" for shift in range(4)]
    for row, query in enumerate(QUERIES)
}


class Words:
    """Scores a pair by the words of the passage; stops after some calls."""

    def __init__(self, calls: int = 1000, value: float | None = None) -> None:
        self.calls, self.value = calls, value
        self.settings: Mapping[str, str | int] = {"model": "words"}
        self.fingerprint = "words"
        self.seen: list[tuple[str, str]] = []

    def score(
        self,
        queries: Sequence[str],
        passages: Sequence[str],
        pairs: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        if self.calls == 0:
            raise KeyboardInterrupt
        self.calls -= 1
        self.seen += [(queries[q], passages[p]) for q, p in pairs]
        if self.value is not None:
            return np.full(len(pairs), self.value, dtype=np.float32)
        lengths = [passages[p].count("list") for _, p in pairs]
        return np.array(lengths, dtype=np.float32)


def save(frame: pl.DataFrame, path: Path, schema: schemas.Schema) -> Path:
    artefacts.write(frame, path, schema, artefacts.Manifest("test"), overwrite=True)
    return path


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    """The inputs, and where to write."""
    corpus = pl.DataFrame(
        {"passage_id": list(CORPUS), "title": "", "text": list(CORPUS.values())}
    )
    queries = pl.DataFrame(
        {"query_id": list(QUERIES), "text": list(QUERIES.values())}
    ).with_columns(
        query_type=pl.lit("claim"), source_passage_id=pl.lit(None, pl.String)
    )
    return {
        "candidates": save_run(RUN, tmp_path),
        "queries": save(queries, tmp_path / "queries.parquet", schemas.QUERIES),
        "corpus": save(corpus, tmp_path / "corpus.parquet", schemas.CORPUS),
        "out": tmp_path / "teacher_scores.parquet",
    }


def save_run(lists: Mapping[str, Sequence[str]], folder: Path) -> Path:
    scores = [[float(-place) for place in range(len(ids))] for ids in lists.values()]
    frame = pl.DataFrame(
        {"query_id": list(lists), "passage_id": list(lists.values()), "score": scores}
    )
    return save(frame, folder / "run.parquet", schemas.RUN)


def save_qrels(relevant: Mapping[str, str], folder: Path) -> Path:
    frame = pl.DataFrame(
        {
            "query_id": list(relevant),
            "passage_id": list(relevant.values()),
            "relevance": 1,
        }
    )
    return save(frame, folder / "qrels.parquet", schemas.QRELS)


def read(files: dict[str, Any]) -> dict[str, list[str]]:
    frame = artefacts.read(files["out"], schemas.TEACHER_SCORES)
    return dict(frame.select("query_id", "passage_id").iter_rows())


def manifest(files: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = artefacts.read_manifest(files["out"])
    return content


def parts_folder(files: dict[str, Any]) -> Path:
    folder: Path = files["out"].with_name("teacher_scores.parts")
    return folder


def test_lists_are_in_order_of_teacher_score(files: dict[str, Any]) -> None:
    score(**files, teacher=Words())
    frame = artefacts.read(files["out"], schemas.TEACHER_SCORES)
    assert frame["query_id"].to_list() == list(QUERIES)
    assert frame.row(0) == ("q0", ["p3", "p2", "p1", "p0"], [3.0, 2.0, 1.0, 0.0])


def test_ties_keep_the_order_of_the_candidates(files: dict[str, Any]) -> None:
    score(**files, teacher=Words(value=0.5))
    assert read(files) == RUN


def test_only_the_best_of_the_candidates_are_scored(files: dict[str, Any]) -> None:
    score(**files, teacher=Words(value=0.0), depth=2)
    assert read(files) == {query: ids[:2] for query, ids in RUN.items()}


def test_another_teacher_scores_the_same_pairs(files: dict[str, Any]) -> None:
    """From the first one's file: its order is new, its pairs are those of the run."""
    score(**files, teacher=Words(), depth=3)
    second = Words(value=0.5)
    out = files["out"].with_name("second.parquet")
    score(**files | {"candidates": files["out"], "out": out}, teacher=second)
    assert len(second.seen) == 3 * len(RUN)
    files["candidates"] = out.with_suffix(".trec")
    write_run(read_run(files["out"]), files["candidates"], tag="first")
    third = files["out"].with_name("third.parquet")
    score(**files | {"out": third}, teacher=Words(value=0.5))
    assert third.read_bytes() == out.read_bytes()


def test_restart_after_a_stop_gives_the_same_bytes(files: dict[str, Any]) -> None:
    score(**files, teacher=Words(), part_queries=2)
    whole = files["out"].read_bytes()
    files["out"].unlink()
    with pytest.raises(KeyboardInterrupt):
        score(**files, teacher=Words(calls=2), part_queries=2)
    assert not files["out"].exists()
    assert len(list(parts_folder(files).iterdir())) == 2
    rest = Words()
    score(**files, teacher=rest, part_queries=2)
    assert {query for query, _ in rest.seen} == {"sort 4"}
    assert files["out"].read_bytes() == whole
    assert not parts_folder(files).exists()


def test_manifest_counts_pairs_of_all_starts(files: dict[str, Any]) -> None:
    with pytest.raises(KeyboardInterrupt):
        score(**files, teacher=Words(calls=1), part_queries=2)
    score(**files, teacher=Words(), part_queries=2)
    told = manifest(files)
    assert told["counts"]["queries"] == 5
    assert told["counts"]["pairs"] == told["counts"]["candidates"] == 20
    assert told["extra"]["distinct_pairs"] == 20
    assert told["extra"]["pairs_per_second"] > 0
    assert told["settings"]["teacher"] == {"model": "words"}
    assert told["extra"]["teacher_fingerprint"] == "words"


def test_other_settings_use_no_finished_part(
    files: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(KeyboardInterrupt):
        score(**files, teacher=Words(calls=2), part_queries=2)
    with caplog.at_level(logging.INFO):
        score(**files, teacher=Words(), part_queries=2, depth=3)
    assert "2 parts of other settings are not used" in caplog.text
    assert all(len(ids) == 3 for ids in read(files).values())
    assert not parts_folder(files).exists()


def test_workers_give_the_result_of_one(files: dict[str, Any]) -> None:
    score(**files, teacher=Words(), part_queries=2)
    whole = files["out"].read_bytes()
    files["out"].unlink()
    for shard in ("2/2", "1/2"):
        score(**files, teacher=Words(), part_queries=2, shard=shard)
    assert not files["out"].exists()
    joining = Words(calls=0)
    score(**files, teacher=joining, part_queries=2)
    assert files["out"].read_bytes() == whole


def test_joining_scores_what_a_worker_left(files: dict[str, Any]) -> None:
    score(**files, teacher=Words(), part_queries=2, shard="1/2")
    rest = Words()
    score(**files, teacher=rest, part_queries=2)
    assert {query for query, _ in rest.seen} == {"sort 2", "sort 3"}
    assert list(read(files)) == list(QUERIES)


def test_equal_texts_are_scored_once(files: dict[str, Any], tmp_path: Path) -> None:
    corpus = pl.DataFrame(
        {"passage_id": ["p0", "p1"], "title": ["a", ""], "text": ["b", "a b"]}
    )
    save(corpus, files["corpus"], schemas.CORPUS)
    save_run({"q0": ["p0", "p1"]}, tmp_path)
    teacher = Words()
    score(**files, teacher=teacher)
    assert teacher.seen == [("sort 0", "a b")]
    assert read(files) == {"q0": ["p0", "p1"]}


def test_empty_passage_is_scored(files: dict[str, Any], tiny_teacher_dir: Path) -> None:
    assert CORPUS["p0"] == ""
    score(**files, teacher=SequenceClassifier(str(tiny_teacher_dir)))
    assert sorted(read(files)["q0"]) == ["p0", "p1", "p2", "p3"]


def test_unknown_ids_are_left_out_and_counted(
    files: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lists = {"q0": ["p1", "gone", "p0"], "nobody": ["p1"], "q1": ["gone"]}
    save_run(lists, tmp_path)
    with caplog.at_level(logging.INFO):
        score(**files, teacher=Words())
    assert read(files) == {"q0": ["p1", "p0"]}
    assert manifest(files)["dropped"] == {
        "query without text": 1,
        "query without candidates": 1,
        "passage not in corpus": 2,
    }
    assert "score: 1 queries, 2 pairs" in caplog.text


def test_relevant_passages_are_added_where_asked(
    files: dict[str, Any], tmp_path: Path
) -> None:
    files["qrels"] = save_qrels({"q0": "p7", "q1": "p1"}, tmp_path)
    score(**files, teacher=Words(), add_relevant=True)
    lists = read(files)
    assert sorted(lists["q0"]) == ["p0", "p1", "p2", "p3", "p7"]
    assert sorted(lists["q1"]) == sorted(RUN["q1"])
    assert lists["q0"][:2] == ["p3", "p7"]


def test_quality_compares_the_same_candidates(
    files: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The relevant p3 of q0 is 4th of the candidates and 1st for the teacher.

    nDCG@10 is 1 / log2(5) = 0.4307 and 1. The relevant p7 of q1 is no candidate: both
    get 0, also where it is added for the teacher.
    """
    files["qrels"] = save_qrels({"q0": "p3", "q1": "p7"}, tmp_path)
    expected = {"candidates": 0.21534, "teacher": 0.5, "queries": 2}
    for add_relevant in (False, True):
        with caplog.at_level(logging.INFO):
            score(**files, teacher=Words(), add_relevant=add_relevant, overwrite=True)
        quality = manifest(files)["extra"]["nDCG@10"]
        assert quality == pytest.approx(expected, abs=1e-5)
    assert "nDCG@10 over 2 queries: candidates 0.2153, teacher 0.5000" in caplog.text


def test_qrels_of_other_queries_give_no_figure(
    files: dict[str, Any], tmp_path: Path
) -> None:
    files["qrels"] = save_qrels({"other": "p3"}, tmp_path)
    score(**files, teacher=Words())
    assert "nDCG@10" not in manifest(files)["extra"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 0}, "depth must be at least 1, but got 0"),
        ({"shard": "3/2"}, "shard must be I/N with I from 1 to N"),
        ({"add_relevant": True}, r"add_relevant takes .* from qrels"),
        ({"part_queries": 0}, "at least 1 row, but got 0"),
        ({"template": "{title}"}, "template must contain"),
        ({"out": Path("scores.jsonl")}, "must be a file that ends in .parquet"),
    ],
)
def test_bad_options_are_refused(
    files: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        score(**(files | options), teacher=Words())


def test_existing_output_is_kept(files: dict[str, Any]) -> None:
    score(**files, teacher=Words())
    teacher = Words()
    with pytest.raises(ValueError, match="exists"):
        score(**files, teacher=teacher)
    assert not teacher.seen
    score(**files, teacher=teacher, overwrite=True)
    assert teacher.seen


def test_files_that_do_not_belong_together_are_refused(
    files: dict[str, Any], tmp_path: Path
) -> None:
    save_run({"x": ["p1"], "y": ["p2"]}, tmp_path)
    with pytest.raises(ValueError, match=r"nothing to .* \(2 x query without text\)"):
        score(**files, teacher=Words())


def test_score_that_is_no_number_is_refused(files: dict[str, Any]) -> None:
    with pytest.raises(
        ValueError, match="gave nan for query 'q0' and passage 'p3', 20 times"
    ):
        score(**files, teacher=Words(value=float("nan")))


def options(files: dict[str, Any]) -> list[str]:
    return [f"--{name}={path}" for name, path in files.items()]


def test_command_line_takes_a_bare_class_name(
    files: dict[str, Any], tiny_teacher_dir: Path
) -> None:
    teacher = ["--teacher=SequenceClassifier", f"--teacher.model={tiny_teacher_dir}"]
    auto_cli(score, args=[*options(files), *teacher], as_positional=False)
    assert manifest(files)["settings"]["teacher"]["model"] == "teacher"


def test_yaml_names_the_teacher(
    files: dict[str, Any], tiny_teacher_dir: Path, tmp_path: Path
) -> None:
    config = {
        "teacher": {
            "class_path": "SequenceClassifier",
            "init_args": {"model": str(tiny_teacher_dir), "max_tokens": 64},
        }
    }
    path = tmp_path / "score.yaml"
    path.write_text(json.dumps(config), "utf-8")  # JSON is YAML
    auto_cli(score, args=[f"--config={path}", *options(files)], as_positional=False)
    assert manifest(files)["settings"]["teacher"]["max_tokens"] == 64


OWN_TEACHER = """
from collections.abc import Sequence
import numpy as np
from numpy.typing import NDArray

class Flat:
    def __init__(self, value: float = 0.0) -> None:
        self.value = value
        self.settings = {"model": "flat"}
        self.fingerprint = str(value)

    def score(
        self,
        queries: Sequence[str],
        passages: Sequence[str],
        pairs: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        return np.full(len(pairs), self.value, dtype=np.float32)
"""


def test_teacher_of_ones_own_needs_no_base_class(
    files: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_teacher.py").write_text(OWN_TEACHER, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    teacher = ["--teacher=own_teacher.Flat", "--teacher.value=2"]
    auto_cli(score, args=[*options(files), *teacher], as_positional=False)
    assert manifest(files)["extra"]["teacher_fingerprint"] == "2.0"

"""The command: files in, files out, and every message that a user may meet."""

import json
import logging
import math
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from jsonargparse import auto_cli

from dr_lightning import artefacts, schemas
from dr_lightning.curation.rules import ListRules
from dr_lightning.stages.curate import curate

RULES = ListRules(list_length=4, min_candidates=5)
PASSAGES = [f"p{i:02}" for i in range(30)]


def save(frame: pl.DataFrame, path: Path) -> Path:
    """Writes past `artefacts.write`, so that bad rows can be written too."""
    frame.write_parquet(path)
    return path


def candidates(source: int, top: float) -> tuple[list[str], list[float]]:
    """The source and the five passages behind it, each 1 lower."""
    ids = [PASSAGES[(source + step) % 30] for step in range(6)]
    return ids, [top - step for step in range(6)]


def synthetic(folder: Path, types: tuple[str, ...] = ("claim", "title")) -> None:
    """Queries of each type for 30 passages, teacher scores and a run.

    The teacher ranks every source first, but for passage 7 of each type.
    """
    queries, scores = [], []
    for query_type in types:
        for source in range(30):
            name = f"{query_type}-{source:02}"
            queries.append((name, f"text of {name}", query_type, PASSAGES[source]))
            ids, values = candidates(source, 10.0)
            if source == 7:
                ids[:2] = reversed(ids[:2])
            scores.append((name, ids, values))
    save(
        pl.DataFrame(queries, schema=list(schemas.QUERIES.columns), orient="row"),
        folder / "queries.parquet",
    )
    names = list(schemas.TEACHER_SCORES.columns)
    frame = pl.DataFrame(scores, schema=names, orient="row")
    save(frame, folder / "teacher_scores.parquet")
    save(frame.rename({"teacher_score": "score"}), folder / "run.parquet")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    synthetic(tmp_path)
    return tmp_path


def run(folder: Path, **options: Any) -> Path:
    """Curates what `synthetic` wrote."""
    out = folder / "training_lists"
    given: dict[str, Any] = {
        "teacher_scores": folder / "teacher_scores.parquet",
        "rules": RULES,
    } | options
    curate(folder / "queries.parquet", out, **given)
    return out


def manifest(out: Path, name: str = "train") -> dict[str, Any]:
    content: dict[str, Any] = json.loads(
        (out / f"{name}.manifest.json").read_text("utf-8")
    )
    return content


def test_writes_lists_and_what_dev_needs_to_be_evaluated(made: Path) -> None:
    out = run(made)
    train = artefacts.read(out / "train.parquet", schemas.TRAINING_LISTS)
    dev = artefacts.read(out / "dev.parquet", schemas.TRAINING_LISTS)
    queries = artefacts.read(out / "dev_queries.parquet", schemas.QUERIES)
    qrels = artefacts.read(out / "dev_qrels.parquet", schemas.QRELS)
    # 58 of 60 pass, a tenth is 5.8 lists, and two types a passage make 4.
    assert (len(train), len(dev)) == (54, 4)
    assert queries["query_id"].to_list() == dev["query_id"].to_list()
    assert qrels["passage_id"].to_list() == dev["passage_id"].list.first().to_list()
    assert set(qrels["relevance"]) == {1}


def test_no_source_passage_has_queries_on_both_sides(made: Path) -> None:
    out = run(made, dev_share=0.3)
    sources = [
        set(pl.read_parquet(out / f"{side}.parquet")["passage_id"].list.first())
        for side in ("train", "dev")
    ]
    assert sources[0]
    assert sources[1]
    assert not sources[0] & sources[1]


def test_row_order_changes_nothing_but_row_order(made: Path) -> None:
    first = pl.read_parquet(run(made) / "dev.parquet").sort("query_id")
    for name in ("queries", "teacher_scores"):
        path = made / f"{name}.parquet"
        save(pl.read_parquet(path).sample(fraction=1, shuffle=True, seed=3), path)
    again = pl.read_parquet(run(made, overwrite=True) / "dev.parquet")
    assert first.equals(again.sort("query_id"))


def test_the_manifest_tells_settings_counts_drops_and_statistics(made: Path) -> None:
    content = manifest(run(made))
    assert content["stage"] == "curate"
    assert content["settings"]["list_length"] == 4
    assert content["settings"]["seed"] == 13
    assert set(content["inputs"]) == {"queries", "teacher_scores"}
    assert content["counts"] == {"queries": 60, "train": 54, "dev": 4}
    assert content["dropped"] == {"source_beaten": 2}
    assert content["extra"]["candidates_of_unknown_queries"] == [0]
    assert content["extra"]["candidates_another_teacher_lacks"] == [0]
    claim = content["extra"]["query_types"]["claim"]
    assert (claim["queries"], claim["lists"]) == (30, 29)
    assert claim["dropped"] == {"source_beaten": 1}
    assert claim["candidates"] == {"mean": 6.0, "min": 6, "max": 6}
    assert claim["percentiles"] == {"low": 5.0, "floor": 6.0, "high": 10.0}
    assert claim["positives_clipped"] == 1.0
    # Of 0.8, 0.6 and 0.4 of the positive, one is strictly above 0.6.
    assert claim["negatives_masked"] == pytest.approx(1 / 3)


def test_the_last_log_line_counts(made: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "dr_lightning"):
        out = run(made)
    assert caplog.messages[-1] == (
        f"curate: 60 queries -> 54 train and 4 dev lists in {out} "
        "(dropped: 2 source_beaten)"
    )


def test_several_query_files_are_joined(made: Path) -> None:
    queries = pl.read_parquet(made / "queries.parquet")
    one = save(queries.head(25), made / "one.parquet")
    two = save(queries.tail(35), made / "two.parquet")
    whole = pl.read_parquet(run(made) / "train.parquet")
    out = made / "joined"
    curate([one, two], out, made / "teacher_scores.parquet", rules=RULES)
    assert pl.read_parquet(out / "train.parquet").equals(whole)
    assert set(manifest(out)["inputs"]) == {"queries_1", "queries_2", "teacher_scores"}


def test_a_query_in_two_files_is_refused(made: Path) -> None:
    path = made / "queries.parquet"
    with pytest.raises(ValueError, match="query 'claim-00' stands in more than one of"):
        curate([path, path], made / "out", made / "teacher_scores.parquet")


def test_no_query_file_is_refused(made: Path) -> None:
    with pytest.raises(ValueError, match="queries names no file"):
        curate([], made / "out", made / "teacher_scores.parquet")


def test_several_teachers_are_averaged(made: Path) -> None:
    """The second teacher is the first on another scale, without the last candidate."""
    first = made / "teacher_scores.parquet"
    score, ids = pl.col("teacher_score"), pl.col("passage_id")
    second = pl.read_parquet(first).with_columns(
        (score * 100.0).list.head(5), ids.list.head(5)
    )
    other = save(second, made / "other.parquet")
    out = run(made, teacher_scores=[first, other])
    content = manifest(out)
    assert content["extra"]["candidates_another_teacher_lacks"] == [60, 0]
    assert set(content["inputs"]) == {"queries", "teacher_scores_1", "teacher_scores_2"}
    lists = pl.read_parquet(out / "train.parquet")
    assert lists["teacher_score"][0].to_list() == [1.0, 0.75, 0.5, 0.25]


def test_a_run_makes_lists_without_scores(made: Path) -> None:
    out = run(made, teacher_scores=None, candidates=made / "run.parquet")
    lists = artefacts.read(out / "train.parquet", schemas.TRAINING_LISTS)
    assert lists["teacher_score"].null_count() == len(lists)
    # Without a teacher the source that stands second is no reason to drop a query.
    assert manifest(out)["dropped"] == {}
    assert manifest(out)["extra"]["query_types"]["claim"]["teacher_entropy"] is None


def test_human_queries_bring_their_positives(made: Path) -> None:
    queries = pl.read_parquet(made / "queries.parquet").with_columns(
        source_passage_id=pl.lit(None, pl.String), query_type=pl.lit("human")
    )
    save(queries, made / "queries.parquet")
    rows = [(name, PASSAGES[int(name[-2:])], 1) for name in queries["query_id"]]
    rows += [(name, PASSAGES[int(name[-2:]) - 1], 1) for name in ["claim-01"]]
    names = list(schemas.QRELS.columns)
    qrels = save(pl.DataFrame(rows, schema=names, orient="row"), made / "qrels.parquet")
    out = run(made, qrels=qrels)
    lists = pl.concat(
        [pl.read_parquet(out / f"{side}.parquet") for side in ("train", "dev")]
    )
    by_id = {row["query_id"]: row for row in lists.to_dicts()}
    assert len(by_id) == 60
    assert by_id["claim-01"]["excluded_id"] == ["p00"]
    # The teacher ranks passage 7 second; it stands first all the same.
    assert by_id["claim-07"]["passage_id"][:2] == ["p07", "p08"]
    assert by_id["claim-07"]["teacher_score"][0] < by_id["claim-07"]["teacher_score"][1]


def test_human_queries_without_qrels_are_refused(made: Path) -> None:
    null = pl.lit(None, pl.String)
    queries = pl.read_parquet(made / "queries.parquet")
    save(queries.with_columns(source_passage_id=null), made / "queries.parquet")
    with pytest.raises(ValueError, match="60 queries, such as 'claim-00', have no"):
        run(made)


def test_queries_without_scores_are_counted(made: Path) -> None:
    scores = pl.read_parquet(made / "teacher_scores.parquet")
    save(scores.head(50), made / "teacher_scores.parquet")
    assert manifest(run(made))["dropped"] == {"no_candidates": 10, "source_beaten": 2}


def test_scores_of_unknown_queries_are_left_out_with_a_warning(
    made: Path, caplog: pytest.LogCaptureFixture
) -> None:
    queries = pl.read_parquet(made / "queries.parquet")
    save(queries.head(40), made / "queries.parquet")
    out = run(made)
    assert "20 rows of scored candidates belong to no query" in caplog.text
    assert manifest(out)["extra"]["candidates_of_unknown_queries"] == [20]


def test_nothing_left_is_refused_with_the_reasons(made: Path) -> None:
    match = "no training list is left of 60 queries: 58 too_few_candidates, 2 source_"
    with pytest.raises(ValueError, match=match):
        run(made, rules=ListRules())


def test_nan_is_refused(made: Path) -> None:
    path = made / "teacher_scores.parquet"
    nan = pl.lit([math.nan] * 6)
    save(pl.read_parquet(path).with_columns(teacher_score=nan), path)
    with pytest.raises(ValueError, match=r"teacher_scores\.parquet.*NaN"):
        run(made)


@pytest.mark.parametrize("given", ["both", "neither"])
def test_teacher_scores_or_candidates(made: Path, given: str) -> None:
    run_path = made / "run.parquet" if given == "both" else None
    scores = made / "teacher_scores.parquet" if given == "both" else None
    with pytest.raises(ValueError, match=f"or candidates, but got {given}"):
        run(made, teacher_scores=scores, candidates=run_path)


@pytest.mark.parametrize("name", ["train", "dev", "dev_queries", "dev_qrels"])
def test_an_existing_output_is_refused_before_any_work(made: Path, name: str) -> None:
    out = run(made)
    for other in out.iterdir():
        if other.name != f"{name}.parquet":
            other.unlink()
    (made / "teacher_scores.parquet").unlink()
    with pytest.raises(ValueError, match=rf"{name}\.parquet exists"):
        run(made)


def test_overwrite_replaces(made: Path) -> None:
    run(made)
    out = run(made, overwrite=True, seed=14)
    assert manifest(out, "dev_qrels")["settings"]["seed"] == 14


def test_the_signature_is_the_command_line(made: Path) -> None:
    scores = str(made / "teacher_scores.parquet")
    auto_cli(
        curate,
        args=[
            f"--queries={made / 'queries.parquet'}",
            f"--out={made / 'out'}",
            f"--teacher_scores=[{scores}, {scores}]",
            "--rules.min_candidates=5",
            "--rules.percentiles=[0, 25, 100]",
        ],
        as_positional=False,
    )
    settings = manifest(made / "out")["settings"]
    assert settings["percentiles"] == [0, 25, 100]
    assert settings["min_candidates"] == 5

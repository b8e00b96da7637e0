"""Fail-fast scoring and reuse, from files to training lists."""

import logging
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dr_lightning import artefacts, schemas
from dr_lightning.cli import main
from dr_lightning.curation.files import curate
from dr_lightning.curation.rules import ListRules
from dr_lightning.stages.score import score
from tests.scoring.tables import Pair, Table

TEXTS = {f"p{row}": f"passage {row}" for row in range(40)}
RULES = ListRules(list_length=6, min_candidates=8)


def save(frame: pl.DataFrame, path: Path, schema: schemas.Schema) -> Path:
    artefacts.write(frame, path, schema, artefacts.Manifest("test"), overwrite=True)
    return path


def run_frame(seed: int, depth: int = 30) -> pl.DataFrame:
    """Candidates of 60 queries; the source stands somewhere, of one in ten nowhere."""
    drawn = random.Random(seed)  # noqa: S311
    lists = [drawn.sample([*TEXTS], depth) for _ in range(60)]
    return pl.DataFrame(
        {
            "query_id": [f"q{row}" for row in range(60)],
            "passage_id": lists,
            "score": [[float(-place) for place in range(depth)]] * 60,
        }
    )


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    corpus = pl.DataFrame(
        {"passage_id": [*TEXTS], "title": "", "text": list(TEXTS.values())}
    )
    run = run_frame(seed=1)
    sources = [
        row[1][number % 40 : number % 40 + 1]
        for number, row in enumerate(run.iter_rows())
    ]
    queries = pl.DataFrame(
        {
            "query_id": run["query_id"],
            "text": [f"how {row % 50}?" for row in range(60)],  # some are asked twice
            "query_type": ["claim", "title", "human"] * 20,
            "source_passage_id": [
                None if row % 3 == 2 else (own or ["p0"])[0]
                for row, own in enumerate(sources)
            ],
        }
    )
    qrels = pl.DataFrame(
        {"query_id": run["query_id"], "passage_id": "p7", "relevance": 1}
    )
    return {
        "candidates": save(run, tmp_path / "run.parquet", schemas.RUN),
        "queries": save(queries, tmp_path / "queries.parquet", schemas.QUERIES),
        "corpus": save(corpus, tmp_path / "corpus.parquet", schemas.CORPUS),
        "qrels": save(qrels, tmp_path / "qrels.parquet", schemas.QRELS),
    }


@pytest.fixture
def table(files: dict[str, Any]) -> dict[Pair, float]:
    """A teacher that likes sources, with many ties."""
    drawn = random.Random(2)  # noqa: S311
    queries = artefacts.read(files["queries"], schemas.QUERIES)
    scores = {}
    for text, source in queries.select("text", "source_passage_id").iter_rows():
        for name, passage in TEXTS.items():
            liked = 2.5 if name == source else 0.0
            scores[text, passage] = drawn.randrange(30) / 8 + liked
    return scores


def out(files: dict[str, Any], name: str) -> Path:
    return Path(files["candidates"]).with_name(f"{name}.parquet")


def lists(files: dict[str, Any], name: str, *scores: Path) -> dict[str, bytes]:
    """The files that `curate` writes, and its reasons."""
    folder = out(files, name).with_suffix("")
    curate(files["queries"], folder, list(scores), qrels=files["qrels"], rules=RULES)
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.parquet"))}


def test_training_lists_are_the_same_files(
    files: dict[str, Any], table: dict[Pair, float], caplog: pytest.LogCaptureFixture
) -> None:
    fast, full = out(files, "fast"), out(files, "full")
    teacher = Table(table)
    with caplog.at_level(logging.INFO):
        score(**files, out=fast, teacher=teacher)
    score(**files, out=full, teacher=Table(table), fail_fast=False)
    assert lists(files, "lists_fast", fast) == lists(files, "lists_full", full)
    made = [
        artefacts.read_manifest(out(files, name).with_suffix("") / "train.parquet")
        for name in ("lists_fast", "lists_full")
    ]
    assert made[0]["dropped"] == made[1]["dropped"]
    assert made[0]["dropped"]["source_beaten"] > 5
    assert made[0]["extra"]["query_types"] == made[1]["extra"]["query_types"]
    counts = artefacts.read_manifest(fast)["counts"]
    assert counts["candidates"] == 1800 == counts["pairs"] + counts["pairs_not_needed"]
    assert counts["pairs_not_needed"] > 300
    assert counts["sources_not_among_candidates"] > 0
    assert len(teacher.seen) == len(set(teacher.seen))
    saved = f"{counts['pairs_not_needed']:,} of 1,800 pairs were not needed, 0 reused"
    # Other tests may have left the log open for `curate` too.
    assert any(message.endswith(saved) for message in caplog.messages)


def test_equal_queries_of_two_parts_are_scored_once(
    files: dict[str, Any], table: dict[Pair, float]
) -> None:
    """Queries 0 and 50 have one text; they share a part, and keep their places."""
    teacher = Table(table)
    score(**files, out=out(files, "s"), teacher=teacher, part_queries=4)
    assert len(teacher.seen) == len(set(teacher.seen))
    written = artefacts.read(out(files, "s"), schemas.TEACHER_SCORES)
    assert written["query_id"].to_list() == [f"q{row}" for row in range(60)]


def test_restart_and_workers_give_the_same_bytes(
    files: dict[str, Any], table: dict[Pair, float]
) -> None:
    score(**files, out=out(files, "whole"), teacher=Table(table), part_queries=7)
    again = out(files, "again")
    with pytest.raises(KeyboardInterrupt):
        score(**files, out=again, teacher=Table(table, calls=8), part_queries=7)
    score(**files, out=again, teacher=Table(table), part_queries=7, shard="2/2")
    score(**files, out=again, teacher=Table(table), part_queries=7)
    assert again.read_bytes() == out(files, "whole").read_bytes()


def test_another_student_s_scores_are_reused(
    files: dict[str, Any], table: dict[Pair, float], caplog: pytest.LogCaptureFixture
) -> None:
    first = out(files, "first")
    score(**files, out=first, teacher=Table(table))
    save(run_frame(seed=9), files["candidates"], schemas.RUN)
    score(**files, out=out(files, "anew"), teacher=Table(table))
    teacher = Table(table)
    with caplog.at_level(logging.INFO):
        score(**files, out=out(files, "reused"), teacher=teacher, reuse=[first])
    anew, reused = out(files, "anew"), out(files, "reused")
    assert reused.read_bytes() == anew.read_bytes()
    counts = artefacts.read_manifest(reused)["counts"]
    assert counts["pairs_reused"] > 100
    assert f"{counts['pairs_reused']} reused" in caplog.messages[-1]
    given = artefacts.read_manifest(anew)["extra"]["distinct_pairs"]
    assert len(teacher.seen) == given - counts["pairs_reused"]


def test_scores_of_one_of_two_files_of_queries_are_reused(
    files: dict[str, Any], table: dict[Pair, float], tmp_path: Path
) -> None:
    """And the other way round; but not those of a file that this run lacks."""
    queries = artefacts.read(files["queries"], schemas.QUERIES)
    parts = [queries[:20], queries[20:40], queries[40:]]
    a, b, c = (
        save(part, tmp_path / f"part{row}.parquet", schemas.QUERIES)
        for row, part in enumerate(parts)
    )

    def scored(name: str, asked: list[Path], **more: Any) -> tuple[Path, int]:
        path, teacher = out(files, name), Table(table)
        score(**files | {"queries": asked}, out=path, teacher=teacher, **more)
        return path, len(teacher.seen)

    one, _ = scored("one", [a])
    both, given = scored("both", [a, b])
    reused, left = scored("reused", [a, b], reuse=one)
    assert reused.read_bytes() == both.read_bytes()
    assert left < given
    _, left = scored("part", [a], reuse=[both])
    assert left == 0
    with pytest.raises(ValueError, match="cannot be reused, its queries"):
        scored("other", [a, c], reuse=[both])


def test_reusing_its_own_scores_asks_for_nothing(
    files: dict[str, Any], table: dict[Pair, float]
) -> None:
    own = out(files, "own")
    score(**files, out=own, teacher=Table(table))
    before = own.read_bytes()
    teacher = Table(table, calls=0)
    score(**files, out=own, teacher=teacher, reuse=[own], overwrite=True)
    assert own.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"teacher": "other"}, "its teacher is another one: 'table', but .* 'other'"),
        ({"template": "{text}"}, "its template is another one"),
        ({"queries": ("text", "why?")}, "its queries is another one"),
        ({"corpus": ("title", "new")}, "its corpus is another one"),
    ],
)
def test_scores_of_something_else_are_not_reused(
    files: dict[str, Any],
    table: dict[Pair, float],
    change: dict[str, Any],
    difference: str,
) -> None:
    first = out(files, "first")
    score(**files, out=first, teacher=Table(table))
    teacher = Table(table)
    teacher.fingerprint = change.pop("teacher", "table")
    options = {"template": change.pop("template")} if "template" in change else {}
    for name, (column, value) in change.items():
        schema = {"queries": schemas.QUERIES, "corpus": schemas.CORPUS}[name]
        frame = artefacts.read(files[name], schema)
        save(frame.with_columns(pl.lit(value).alias(column)), files[name], schema)
    with pytest.raises(ValueError, match=f"cannot be reused, {difference}"):
        score(**files, out=out(files, "s"), teacher=teacher, reuse=[first], **options)


def test_scores_without_a_manifest_are_not_reused(
    files: dict[str, Any], table: dict[Pair, float]
) -> None:
    first = out(files, "first")
    score(**files, out=first, teacher=Table(table))
    artefacts.manifest_path(first).unlink()
    with pytest.raises(ValueError, match="has no manifest, so it is not known which"):
        score(**files, out=out(files, "s"), teacher=Table(table), reuse=[first])


def test_other_reuse_uses_no_finished_part(
    files: dict[str, Any], table: dict[Pair, float], caplog: pytest.LogCaptureFixture
) -> None:
    first, second = out(files, "first"), out(files, "second")
    score(**files, out=first, teacher=Table(table))
    with pytest.raises(KeyboardInterrupt):
        score(**files, out=second, teacher=Table(table, calls=8), part_queries=7)
    with caplog.at_level(logging.INFO):
        score(**files, out=second, teacher=Table(table), part_queries=7, reuse=[first])
    assert "parts of other settings are not used" in caplog.text
    assert second.read_bytes() == first.read_bytes()


def test_comparison_keeps_to_queries_that_are_scored_in_full(
    files: dict[str, Any], table: dict[Pair, float], caplog: pytest.LogCaptureFixture
) -> None:
    fast, full = out(files, "fast"), out(files, "full")
    with caplog.at_level(logging.INFO):
        score(**files, out=fast, teacher=Table(table))
    score(**files, out=full, teacher=Table(table), fail_fast=False)
    assert artefacts.read_manifest(fast)["extra"]["nDCG@10"]["queries"] == 20
    assert artefacts.read_manifest(full)["extra"]["nDCG@10"]["queries"] == 60
    assert "nDCG@10 leaves out 40 queries with a source passage" in caplog.text


def test_several_teachers_need_all_scores(
    files: dict[str, Any], table: dict[Pair, float]
) -> None:
    fast, full = out(files, "fast"), out(files, "full")
    score(**files, out=fast, teacher=Table(table))
    score(**files, out=full, teacher=Table(table), fail_fast=False, reuse=[fast])
    message = r"fast.parquet: fail-fast .* with several teachers .* --fail_fast false"
    with pytest.raises(ValueError, match=message):
        lists(files, "refused", full, fast)
    assert lists(files, "accepted", full, full)


def test_beaten_sources_can_only_be_kept_with_all_scores(
    files: dict[str, Any], table: dict[Pair, float]
) -> None:
    fast = out(files, "fast")
    score(**files, out=fast, teacher=Table(table))
    rules = ListRules(min_candidates=3, drop_beaten_source=False)
    folder = out(files, "refused").with_suffix("")
    with pytest.raises(ValueError, match="with drop_beaten_source off all must be"):
        curate(files["queries"], folder, fast, qrels=files["qrels"], rules=rules)


def test_command_line_takes_all_options(
    files: dict[str, Any], tiny_teacher_dir: Path, tmp_path: Path
) -> None:
    teacher = ["--teacher=SequenceClassifier", f"--teacher.model={tiny_teacher_dir}"]
    options = [f"--{name}={path}" for name, path in files.items()]
    first, second = tmp_path / "first.parquet", tmp_path / "second.parquet"
    main(["score", *options, *teacher, "--depth=4", f"--out={first}"])
    main(
        [
            "score",
            *options,
            *teacher,
            f"--out={second}",
            "--depth=6",
            "--fail_fast=false",
            f"--reuse=[{first}]",
        ]
    )
    told = artefacts.read_manifest(second)
    assert told["settings"]["fail_fast"] is False
    assert told["counts"]["pairs_reused"] > 0
    assert told["inputs"]["reuse_1"] == artefacts.fingerprint(first)

"""`specialize` from a file of passages to a model folder, through the command line."""

import json
import os
import random
import re
import resource
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from safetensors.torch import load_file

from dr_lightning import artefacts
from dr_lightning.cli import main
from dr_lightning.models.encoder import Encoder
from tests.specialization.conftest import Configure, configured

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
STUDENT = "encoder"
STEPS = [
    "ingest",
    "deduplicate",
    "generate",
    "retrieve",
    "score",
    "curate",
    "fit",
    "base_run",
    "specialised_run",
    "evaluate",
]
ARTEFACTS = [
    "ingested/corpus.parquet",
    "unique/dropped.parquet",
    "queries.parquet",
    *(
        f"students/{STUDENT}/{name}.parquet"
        for name in (
            "candidates",
            "teacher_scores",
            "training_lists/train",
            "training_lists/dev",
            "evaluation/base",
            "evaluation/specialised",
        )
    ),
]


def start(config: Path, *options: str, **more: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "dr_lightning", "specialize"]
    return subprocess.Popen(
        [*command, "--config", str(config), *options],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **more,
    )


def finish(config: Path, *options: str) -> str:
    process = start(config, *options)
    told, _ = process.communicate()
    assert process.returncode == 0, told
    return told


def ran(told: str) -> list[str]:
    """The steps that ran, from the log."""
    return re.findall(r"step (\w+) runs", told)


def content(work: Path) -> dict[str, Any]:
    """What a run made: rows of its artefacts, weights, and values of its metrics."""
    rows = {name: pl.read_parquet(work / name).to_dicts() for name in ARTEFACTS}
    own = work / "students" / STUDENT
    weights = load_file(own / "fit" / "model" / "model.safetensors")
    metrics = json.loads((own / "evaluation/comparison/metrics.json").read_text())
    lists = {name: tensor.tolist() for name, tensor in weights.items()}
    return rows | {"weights": lists, "metrics": metrics}


@dataclass(frozen=True)
class Whole:
    """A run that nothing stopped.

    Args:
        folder: Of its config and its work.
        configure: Writes its config.
        told: What it printed.
        made: Its content, before a test changed any.
    """

    folder: Path
    configure: Configure
    told: str
    made: dict[str, Any]


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_encoder_dir: Path,
    tiny_teacher_dir: Path,
) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    configure = configured(folder, tiny_encoder_dir, tiny_teacher_dir)
    told = finish(configure())
    return Whole(folder, configure, told, content(folder / "work"))


@pytest.mark.slow
def test_from_a_corpus_to_a_model_and_again(whole: Whole) -> None:
    """The one test that goes on with the shared run."""
    config = whole.configure()
    work = whole.folder / "work"
    own = work / "students" / STUDENT
    assert ran(whole.told) == STEPS
    report = (own / "report.md").read_text("utf-8")
    assert "synthetic dev queries" in report
    assert "| base |" in report
    assert "| specialised |" in report

    # Nothing is left to do.
    assert ran(finish(config)) == []

    # A changed setting reruns its stage and what follows, and says why.
    changed = whole.configure(budget={"queries": 60, "candidates": 6, "epochs": 1})
    told = finish(changed)
    assert ran(told) == ["fit", "specialised_run", "evaluate"]
    assert "fit runs: trainer.max_epochs is 1, was 2" in told

    # A product that is gone is made again; its like does not change what follows.
    (own / "candidates.parquet").unlink()
    assert ran(finish(changed)) == ["retrieve"]

    # --from runs a step and the rest anew, --until stops after one.
    again = finish(changed, "--from", "curate", "--until", "curate")
    assert ran(again) == ["curate"]

    # The steps by hand give the same files.
    for name in ("retrieve", "score", "curate"):
        text = (own / "steps" / f"{name}.yaml").read_text("utf-8")
        command = shlex.split(text.splitlines()[0].removeprefix("# Run:"))[3:]
        main([*command, "--overwrite", "true"])
    assert ran(finish(whole.configure())) == ["fit", "specialised_run", "evaluate"]
    assert content(work) == whole.made


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_with_the_same_artefacts(
    configure: Configure, tmp_path: Path, whole: Whole
) -> None:
    config = configure()
    generator = random.Random(13)  # noqa: S311 - no secret
    for _ in range(20):
        process = start(config)
        time.sleep(generator.uniform(4, 12))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    finish(config)
    assert content(tmp_path / "work") == whole.made
    assert not list((tmp_path / "work").rglob("*.parts"))
    assert not list((tmp_path / "work").rglob(".*.tmp"))


@pytest.mark.slow
def test_with_a_test_set_the_report_has_all_teachers(
    configure: Configure, tmp_path: Path
) -> None:
    queries = [{"_id": f"t{n}", "text": f"oldest {s}"} for n, s in enumerate("ab")]
    (tmp_path / "queries.jsonl").write_text(
        "".join(json.dumps(query) + "\n" for query in queries)
    )
    (tmp_path / "qrels.tsv").write_text(
        "query-id\tcorpus-id\tscore\nt0\triver-north\t1\nt1\tcoin-west\t1\n"
    )
    test = {
        "queries": str(tmp_path / "queries.jsonl"),
        "qrels": str(tmp_path / "qrels.tsv"),
        "teacher_depth": 5,
    }
    more = {"bm25": {"class_path": "BM25Score"}}
    told = finish(configure(test=test, more_teachers=more))
    assert {"score_bm25", "teacher_run", "teacher_run_bm25"} <= set(ran(told))
    own = tmp_path / "work" / "students" / STUDENT
    report = (own / "report.md").read_text("utf-8")
    assert "| teacher |" in report
    assert "| teacher_bm25 |" in report
    assert "(2 test queries)" in report
    assert "base's first 5 passages" in report
    assert "base in nDCG@10" in report
    for name in ("teacher", "teacher_bm25"):
        scored = pl.read_parquet(own / "evaluation" / f"{name}.parquet")
        assert scored["passage_id"].list.len().to_list() == [5, 5]
    curated = artefacts.read_manifest(own / "training_lists" / "train.parquet")
    assert {"teacher_scores_1", "teacher_scores_2"} <= curated["inputs"].keys()


@pytest.mark.slow
def test_two_students_share_queries_and_scores_until_the_queries_change(
    configure: Configure, tmp_path: Path, tiny_encoder_dir: Path
) -> None:
    finish(configure(), "--until", "score")
    student = {"backbone": str(tiny_encoder_dir), "pooling": "cls"}
    told = finish(configure(student=student, name="other"), "--until", "score")
    assert ran(told) == ["retrieve", "score"]
    folder = tmp_path / "work" / "students"
    both = [folder / name / "teacher_scores.parquet" for name in (STUDENT, "other")]
    known, new = (set(_pairs(path)) for path in both)
    assert known & new
    reused = artefacts.read_manifest(both[1])["counts"]["pairs_reused"]
    # Queries of equal text count once.
    assert 0 < reused <= len(known & new)

    # The first student keeps the scores of queries that are no longer there: they are
    # not taken for another student's.
    fake = {"class_path": "Fake", "init_args": {}}
    told = finish(configure(llm=fake, name="third"), "--until", "score")
    assert ran(told) == ["generate", "retrieve", "score"]
    scores = folder / "third" / "teacher_scores.parquet"
    assert artefacts.read_manifest(scores)["counts"]["pairs_reused"] == 0


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    frame = pl.read_parquet(path).explode("passage_id", "teacher_score")
    return frame.select("query_id", "passage_id").iter_rows()


@pytest.mark.slow
def test_a_second_writer_adds_its_queries_and_leaves_the_first_alone(
    configure: Configure, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    fake = {"class_path": "Fake", "init_args": {}}
    types = {"types": ["claim", "question"], "part_queries": 16}
    finish(configure(llm=fake, generate=types), "--until", "score")
    first = (work / "queries.parquet").read_bytes()
    more = {"rules": {"llm": "Extractive", "queries": 30}}
    both = configure(llm=fake, generate=types, more_queries=more)
    told = finish(both)
    assert ran(told) == ["generate_rules", *STEPS[3:]]
    assert (work / "queries.parquet").read_bytes() == first
    added = pl.read_parquet(work / "queries" / "rules.parquet")
    assert added["query_type"].str.starts_with("rules-").all()
    own = work / "students" / STUDENT
    curated = artefacts.read_manifest(own / "training_lists" / "train.parquet")
    assert {"queries_1", "queries_2"} <= curated["inputs"].keys()
    assert {"claim", "question", "rules-claim"} <= curated["extra"][
        "query_types"
    ].keys()
    report = (own / "report.md").read_text("utf-8")
    assert "| generate_rules | 30 passages, 30 asked" in report
    shown = report.partition("**claim**")[2].partition("**")[0]
    assert shown.count("- what about") == 10

    # The steps by hand give the same files.
    whole = content(work)
    folders = {"generate_rules": work} | dict.fromkeys(("retrieve", "score"), own)
    for name, folder in folders.items():
        text = (folder / "steps" / f"{name}.yaml").read_text("utf-8")
        command = shlex.split(text.splitlines()[0].removeprefix("# Run:"))[3:]
        main([*command, "--overwrite", "true"])
    assert ran(finish(both)) == []
    assert content(work) == whole


@pytest.mark.slow
def test_plan_tells_costs_and_writes_nothing(
    configure: Configure, tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    config = configure()
    told = finish(config, "--plan", "true")
    assert set(tmp_path.rglob("*")) - set(before) <= {config}
    for step in STEPS:
        assert step in told
    assert "360 pairs" in told
    assert "40 passages" in told


@pytest.mark.slow
def test_a_step_that_fails_says_so_and_leaves_nothing_half_made(
    configure: Configure, tmp_path: Path
) -> None:
    """A disk that takes no large file, as one that is full."""

    def no_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))

    config = configure()
    process = start(config, preexec_fn=no_room)
    told, _ = process.communicate()
    assert process.returncode == 1
    (failed,) = re.findall(r"error: step (\w+) failed with exit code 1", told)
    assert "File too large" in told
    assert "Traceback" not in told.rpartition("error:")[2]
    for path in (tmp_path / "work").rglob("*.parquet"):
        pl.read_parquet(path)
    assert ran(finish(config))[0] == failed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--until", "bake"], "--until must be one of ingest, .* but got 'bake'"),
        (["--from", "bake"], "--from must be one of"),
        (["--from", "fit", "--until", "score"], "--from fit comes after --until sco"),
        (["--budget.queries", "0"], "budget.queries must be at least 1, but got 0"),
        (["--budget.candidates", "3"], "min_candidates asks for 4"),
        (["--test.split", "test", "--test.queries", "q"], "either split, or queries"),
        (["--student.backbone", "./gone"], "model folder './gone' does not exist"),
        (["--teacher.model", "/no/such/model"], "does not exist"),
        (["--teacher.model", "no-such/model"], "model 'no-such/model': .* to the hub"),
        (
            ["--more_teachers", "{x: {class_path: MonoT5, init_args: {model: a/b}}}"],
            "model 'a/b': ",
        ),
        (["--student.pooling", "null"], "does not tell how it pools"),
        (["--fit", "gone.yaml"], "gone.yaml: no such file"),
        (["--evaluate.measures", "[ndcg@10]"], "unknown measure 'ndcg@10'"),
        (["--generate.types", "[riddle]"], "'riddle' is not known to Extractive"),
        (
            ["--more_queries", "{rules: {llm: Extractive, types: [question]}}"],
            "'question' is not known to Extractive",
        ),
        (
            ["--more_queries", "{fake: {llm: Fake, types: [riddle]}}"],
            "there is no query type 'riddle'",
        ),
        (
            ["--more_queries", "{rules: {llm: Extractive, queries: 0}}"],
            "more_queries.rules.queries must be at least 1, but got 0",
        ),
        (
            ["--more_queries", "{a_b: {llm: Extractive}}"],
            "a writer's name must be of letters, digits, - and .* got 'a_b'",
        ),
    ],
)
def test_wrong_options_are_refused_before_any_work(
    options: list[str], message: str, configure: Configure, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        main(["specialize", "--config", str(configure()), *options])
    assert not (tmp_path / "work").exists()


def test_a_student_of_dot_products_is_asked_about_before_any_work(
    configure: Configure, tiny_encoder_dir: Path, tmp_path: Path
) -> None:
    Encoder(str(tiny_encoder_dir), "mean", normalize=False).save(tmp_path / "dot")
    config = configure(student={"backbone": str(tmp_path / "dot")})
    command = ["specialize", "--config", str(config), "--until=ingest"]
    with pytest.raises(ValueError, match="gives dot products of any size"):
        main(command)
    assert not (tmp_path / "work").exists()
    main([*command, "--student.normalize=false"])


def test_a_name_that_only_an_endpoint_knows_is_not_looked_for(
    configure: Configure, tmp_path: Path
) -> None:
    there = {"url": "http://127.0.0.1:9/v1", "model": "of/theirs"}
    engine = {"class_path": "OpenAICompatible", "init_args": there}
    main(["specialize", "--config", str(configure(llm=engine)), "--until=ingest"])
    assert (tmp_path / "work" / "ingested").is_dir()


def test_an_unknown_option_of_a_stage_is_refused_before_any_work(
    configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["specialize", "--config", str(configure(score={"depht": 3}))])
    assert "depht" in capsys.readouterr().err


def test_a_fit_without_an_exporter_is_refused_before_any_work(
    configure: Configure, tmp_path: Path
) -> None:
    config = configure()
    fit = yaml.safe_load((tmp_path / "fit.yaml").read_text())
    fit["trainer"]["callbacks"].pop()
    (tmp_path / "fit.yaml").write_text(yaml.safe_dump(fit))
    with pytest.raises(ValueError, match="lacks ExportEncoder"):
        main(["specialize", "--config", str(config)])

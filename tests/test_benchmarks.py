"""Every benchmark runs, in seconds, on tiny data; its sides agree with each other."""

import json
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tiny_data import PLACES, SUBJECTS

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny collection in BEIR layout."""
    folder = tmp_path_factory.mktemp("beir")
    pairs = [(s, p) for s in SUBJECTS for p in PLACES]
    _write_lines(
        folder / "corpus.jsonl",
        [
            {"_id": f"{s}-{p}", "title": s, "text": f"the {s} of the {p} {p}"}
            for s, p in pairs
        ],
    )
    asked = [f"{s}-{p}" for s, p in pairs if p != "centre"]
    _write_lines(
        folder / "queries.jsonl",
        [{"_id": f"q-{own}", "text": f"where is the {own}"} for own in asked],
    )
    (folder / "qrels").mkdir()
    for split, own in {"train": asked[::2], "test": asked[1::2]}.items():
        lines = ["query-id\tcorpus-id\tscore", *(f"q-{i}\t{i}\t1" for i in own)]
        (folder / "qrels" / f"{split}.tsv").write_text("\n".join(lines) + "\n")
    return folder


def _write_lines(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def threads() -> Iterator[None]:
    """Restores torch's number of threads, which a benchmark sets."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def run(
    script: str, folder: Path, encoder: Path, cache: Path, *options: str
) -> list[dict[str, Any]]:
    """The lines that a script prints in its smallest form."""
    arguments = {
        "--collection": folder,
        "--model": encoder,
        "--pooling": "mean",
        "--cache": cache,
        "--threads": 1,
        "--max-tokens": 16,
    }
    command = [sys.executable, str(BENCHMARKS / f"{script}.py"), "--smoke", *options]
    for name, value in arguments.items():
        command += [name, str(value)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]


def test_training_step_trains_all_sides_on_one_loss(
    folder: Path, tiny_encoder_dir: Path, tmp_path: Path
) -> None:
    speed, memory = run("training_step", folder, tiny_encoder_dir, tmp_path)
    losses = {name: side["first_loss"] for name, side in speed["sides"].items()}
    assert losses["ours"] == pytest.approx(losses["paper_loop"], abs=1e-4)
    assert losses["ours"] <= losses["sentence_transformers"] + 1e-4
    assert set(speed["times_ours"]) == {"sentence_transformers", "paper_loop"}
    assert memory["peak_growth"] > 0


def test_encoding_gives_the_embeddings_of_sentence_transformers(
    folder: Path, tiny_encoder_dir: Path, tmp_path: Path
) -> None:
    options = ("--qrels", "test", "--batch-tokens", "64", "256")
    lines = run("encoding", folder, tiny_encoder_dir, tmp_path, *options)
    *float32, bf16, quality = lines
    assert [line["batch_tokens"] for line in float32] == [64, 256]
    assert all(line["largest_difference"] < 1e-5 for line in float32)
    assert bf16["lowest_cosine_with_float32"] > 0.99
    assert set(quality["nDCG@10"]) == {"32", "bf16"}


def test_scoring_gives_the_scores_of_a_cross_encoder(
    folder: Path, tiny_encoder_dir: Path, tiny_teacher_dir: Path, tmp_path: Path
) -> None:
    options = ("--teacher", str(tiny_teacher_dir))
    speed, saved, rest = run("scoring", folder, tiny_encoder_dir, tmp_path, *options)
    assert speed["largest_difference"] < 1e-5
    assert set(speed["times_ours"]) == {"cross_encoder", "ours_fail_fast"}
    assert 0 <= saved["not_needed"] < saved["pairs"] == speed["pairs"] == 48
    assert rest["tokens_a_pair"] > 3


def test_batches_counts_distinct_passages_and_measures_steps(
    folder: Path, tiny_encoder_dir: Path, tmp_path: Path
) -> None:
    *counted, measured = run("batches", folder, tiny_encoder_dir, tmp_path)
    assert [line["passages"] for line in counted] == [40, 60]
    for line in counted:
        distinct = {k: of["distinct_passages"] for k, of in line["samplers"].items()}
        assert distinct["cluster"] <= distinct["plain"] <= line["slots"]
        assert distinct["source"] <= distinct["plain"]
    assert set(measured["measured"]) == {"plain", "source", "cluster"}


@pytest.mark.usefixtures("threads")
def test_loss_compares_ours_with_both_peers() -> None:
    loss = runpy.run_path(str(BENCHMARKS / "loss.py"))
    for peer in ("row_selects", "dense_float64"):
        found = loss["compare"](loss["Case"](8, 100, peer, 1), peer, 1)
        assert found["value_difference"] < 1e-4
        assert found["gradient_difference"] < 1e-4


@pytest.mark.usefixtures("threads")
def test_metrics_gives_a_line_for_each_contender() -> None:
    metrics = runpy.run_path(str(BENCHMARKS / "metrics.py"))
    lines = list(metrics["time_all"](20, 1))
    assert {line["contender"] for line in lines} >= {"RetrievalMetrics", "pytrec_eval"}


def test_deduplication_drops_the_planted_duplicates() -> None:
    command = [sys.executable, str(BENCHMARKS / "deduplication.py"), "--smoke"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout)
    assert line["passages"] == 500
    assert set(line["dropped"]) == {"equal", "contained"}
    assert line["peak_gib"] > 0


def test_generation_compares_with_a_plain_loop_and_counts_extractive(
    folder: Path, tiny_chat_dir: Path, tmp_path: Path
) -> None:
    own, shared, extractive = run("generation", folder, tiny_chat_dir, tmp_path)
    assert (own["example_sets"], shared["example_sets"]) == (None, 1)
    for line in (own, shared):
        assert set(line["times_cpu_of_ours"]) == {"plain_generate"}
        assert all(side["tokens"] > 0 for side in line["sides"].values())
    assert extractive["queries_per_cpu_second"] > 0

"""The notebooks run from a clean kernel, and are committed without outputs."""

import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from dr_lightning.cli import main
from tests.tiny_options import as_options, tiny_options

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CALLBACKS = ROOT / "configs" / "callbacks"
EXPERIMENT = ROOT / "configs" / "experiment" / "scifact_both.yaml"


def read(path: Path) -> Any:
    return nbformat.reads(path.read_text("utf-8"), as_version=4)  # type: ignore[no-untyped-call]


def execute(number: int) -> str:
    """Runs a notebook in a kernel of its own and gives what it shows.

    Every plot must come with a text on how to read it, and nothing may warn.
    """
    path = NOTEBOOKS[number - 1]
    notebook = read(path)
    folder = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources=folder
    )
    client.execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    printed = [out for out in outputs if out.output_type == "stream"]
    assert [out.text for out in printed if out.name == "stderr"] == []
    shown = [out.get("data", {}) for out in outputs]
    texts = [data.get("text/markdown", data.get("text/plain", "")) for data in shown]
    told = "\n".join([cell.source for cell in notebook.cells] + texts)
    plots = [data["image/svg+xml"] for data in shown if "image/svg+xml" in data]
    readings = re.findall(r"^\*How to read it:\*", told, re.MULTILINE)
    assert 0 < len(plots) <= len(readings)
    assert min(plot.count("role-axis-title") for plot in plots) >= 2
    return "\n".join([*texts, *(out.text for out in printed)])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_stripped(path: Path) -> None:
    for cell in read(path).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.fixture
def two_runs(
    tmp_path: Path, tiny_encoder_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of other rates: one searches a part of the corpus, one all of it at the ends."""
    options = tiny_options(tmp_path, tiny_encoder_dir) | {
        "trainer.max_epochs": "2",
        "data.batching.order.size": "4",
    }
    folders = []
    for callbacks, rate in (("small_corpus", "1e-3"), ("sub_corpus", "1e-4")):
        options |= {
            "model.optimizer.lr": rate,
            "trainer.logger.name": callbacks,
            "trainer.callbacks": str(CALLBACKS / f"{callbacks}.yaml"),
        }
        main(["fit", "--config", str(EXPERIMENT), *as_options(options)])
        folders.append(str(tmp_path / "runs" / callbacks))
    monkeypatch.setenv("DR_LIGHTNING_RUNS", os.pathsep.join(folders))


@pytest.mark.slow
def test_corpus_to_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DR_LIGHTNING_SMALL", str(tmp_path))
    monkeypatch.setenv("DR_LIGHTNING_CACHE", str(tmp_path / "cache"))
    shown = execute(1)
    assert len(list(tmp_path.glob("runs/corpus_to_search/version_0/model"))) == 1
    assert re.search(r"^\| corpus_to_search selected", shown, re.MULTILINE)
    searches = shown.split("wait for several coroutines")[1:]
    assert len(searches) == 2
    for table in searches:  # rank, score and name are not squeezed out by the text
        assert re.search(r"│ +1 │ 0\.\d{3} │ asyncio\.\w+", table)


@pytest.mark.slow
@pytest.mark.usefixtures("two_runs")
def test_compare_runs() -> None:
    shown = execute(2)
    for name in ("small_corpus", "sub_corpus"):
        assert re.search(rf"^\| {name} [a-z =]+ > base on tiny", shown, re.MULTILINE)
    assert "| model.optimizer.init_args.lr | 0.001 | 0.0001 |" in shown
    assert "Family of" in shown
    assert "where is the" in shown, "the texts of the queries"


@pytest.mark.slow
def test_the_data() -> None:
    shown = execute(3)
    # As the manifest counts them.
    masked = {"msmarco": 0.335, "keywords": 0.32, "question": 0.298, "claim": 0.226}
    for kind, share in masked.items():
        assert re.search(rf"│ {kind} +┆ \d+ +┆ \d+ +┆ {share} ", shown)


@pytest.mark.slow
def test_your_own_objective_and_callback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("DR_LIGHTNING_CACHE", str(tmp_path / "cache"))
    shown = execute(4)
    assert "0.72009" in shown, "the number worked by hand"
    assert "'train/weight_drift'" in shown
    assert len(list(tmp_path.glob("*/runs/ranknet/version_0/run.json"))) == 1

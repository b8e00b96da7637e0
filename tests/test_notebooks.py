"""The notebooks run from a clean kernel, and are committed without outputs."""

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


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_stripped(path: Path) -> None:
    for cell in read(path).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.fixture
def run(
    callbacks: str,
    tmp_path: Path,
    tiny_encoder_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    options = tiny_options(tmp_path, tiny_encoder_dir) | {
        "model.optimizer.lr": "1e-3",
        "trainer.max_epochs": "2",
        "data.batching.order.size": "4",
        "trainer.callbacks": str(CALLBACKS / f"{callbacks}.yaml"),
    }
    main(["fit", "--config", str(EXPERIMENT), *as_options(options)])
    folder = tmp_path / "runs" / "run" / "version_0"
    monkeypatch.setenv("DR_LIGHTNING_RUN", str(folder))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("callbacks", "end"),
    [("small_corpus", "val-8"), ("sub_corpus", "last-8")],
    ids=["part of the corpus alone", "whole corpus at the ends"],
)
def test_quickstart_run_shows_curves_and_queries(run: Path, end: str) -> None:
    notebook = read(ROOT / "notebooks" / "quickstart_run.ipynb")
    NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(ROOT / "notebooks")}},
    ).execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    errors = [out for out in outputs if out.output_type == "stream"]
    assert errors == [], "the notebook warns"
    plots = [out for out in outputs if "image/png" in out.get("data", {})]
    assert len(plots) == 3
    texts = "".join(out.get("data", {}).get("text/plain", "") for out in outputs)
    assert f"{end}:" in texts
    assert "where is the" in texts
    assert run.name in texts

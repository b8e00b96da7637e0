"""`sweep` from a table of cells to judged runs, through the command line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from dr_lightning.analysis.results import load
from dr_lightning.analysis.scores import scores
from dr_lightning.cli import main
from dr_lightning.sweep.cells import cells
from dr_lightning.sweep.options import read
from dr_lightning.sweep.steps import cell_steps, run_folder
from dr_lightning.training import resolve
from tests.tiny_options import as_options, tiny_options

ROOT = Path(__file__).parents[2]
EXPERIMENT = ROOT / "configs" / "experiment" / "scifact_both.yaml"
CELLS = {
    "both": {},
    "kl": {"model.objective": str(ROOT / "configs/objective/matched_kl.yaml")},
}
Configure = Callable[..., Path]


@pytest.fixture
def configure(tmp_path: Path, tiny_encoder_dir: Path) -> Configure:
    """Writes a YAML for `sweep`; keywords replace its values."""
    options = tiny_options(tmp_path, tiny_encoder_dir) | {
        "model.optimizer.lr": "1e-3",
        "trainer.max_epochs": "2",
        "data.batching.order.size": "4",
    }
    fit = tmp_path / "fit.yaml"
    resolved = resolve(["fit", "--config", str(EXPERIMENT), *as_options(options)])
    fit.write_text(yaml.safe_dump(resolved), "utf-8")
    names = ("corpus", "queries", "qrels")
    test = {name: str(tmp_path / "tiny" / f"{name}.parquet") for name in names}
    settings: dict[str, Any] = {
        "work": str(tmp_path / "work"),
        "fit": str(fit),
        "cells": CELLS,
        "seeds": [1],
        "tests": [{"name": "tiny"} | test],
        "family": [],
    }

    def write(**changes: Any) -> Path:
        path = tmp_path / "sweep.yaml"
        path.write_text(yaml.safe_dump(settings | changes), "utf-8")
        return path

    return write


def values(folder: Path) -> dict[str, float]:
    found = json.loads((folder / "evaluation/tiny/metrics.json").read_text("utf-8"))
    return {name: one["nDCG@10"] for name, one in found["systems"].items()}


def config(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((run / "config.yaml").read_text("utf-8"))
    return found


@pytest.mark.slow
def test_every_cell_and_seed_is_a_judged_run(
    configure: Configure, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    table = configure(cells={"both": {}}, seeds=[1, 2], family=["both > base"])
    main(["sweep", "--config", str(table)])
    work = tmp_path / "work"
    assert list(values(work / "base")) == ["base"]
    for seed in (1, 2):
        run = work / "both" / f"seed-{seed}"
        assert list(values(run)) == ["base", "selected", "last"]
        assert config(run)["seed_everything"] == seed
        record = json.loads((run / "run.json").read_text("utf-8"))
        assert [one["step"] for one in record["evaluations"]] == [0, 4, 8]
    assert "run 2 of 2: both, seed 2" in capfd.readouterr().err
    losses = [
        pl.read_csv(work / "both" / f"seed-{seed}" / "metrics.csv")["train/loss"]
        for seed in (1, 2)
    ]
    assert not losses[0].equals(losses[1])

    # All of them are at hand to be compared.
    found = scores(load([work]))
    assert set(found.bases.values()) == {"base"}
    assert found.seeds.filter(pl.col("name") != "base")["seeds"].unique().item() == 2

    # What is finished does not run again; a further cell does.
    assert (work / "both" / "seed-1" / "checkpoints" / "last.ckpt").is_file()
    changes = {"family": ["kl > both"], "keep_checkpoints": False}
    main(["sweep", "--config", str(configure(seeds=[1], **changes))])
    told = capfd.readouterr().err
    assert told.count("step fit runs") == 1
    assert told.count("step fit is finished, skipped") == 1
    both, kl = (config(work / name / "seed-1")["model"] for name in CELLS)
    assert both["objective"] != kl["objective"]
    assert both["optimizer"] == kl["optimizer"]
    told = (work / "report.md").read_text("utf-8")
    assert "kl > both" in told

    # Nothing misses the checkpoints that are gone.
    assert [path.parts[-3:-1] for path in work.rglob("last.ckpt")] == [
        ("seed-2", "checkpoints")  # of a run that this call did not name
    ]
    main(["sweep", "--config", str(configure(seeds=[1], **changes))])
    assert " runs: " not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cells": {}}, "cells is empty"),
        ({"cells": {"base": {}}}, "a cell or collection is called 'base'"),
        ({"cells": {"a/b": {}}}, "a cell or collection is called 'a/b'"),
        ({"seeds": [1, 1]}, r"seeds must differ and .* but got \[1, 1\]"),
        ({"seeds": []}, r"must not be empty, but got \[\]"),
        ({"bounds": {"scifact": []}}, r"bounds names \['scifact'\], which tests lacks"),
        ({"bounds": {"tiny": ["teacher=gone.parquet"]}}, "gone.parquet: no such file"),
        ({"bounds": {"tiny": ["a=x", "a=y"]}}, r"bounds of tiny must .* \['a', 'a'\]"),
        ({"bounds": {"tiny": ["base=x"]}}, r"differ .* from base, but got \['base'\]"),
        ({"measures": ["ndcg@10"]}, "unknown measure 'ndcg@10'"),
        ({"fit": "gone.yaml"}, "gone.yaml: no such file"),
        (
            {"cells": {"lost": {"data.lists.train": "gone.parquet"}}},
            "cell lost: gone.parquet: no such file",
        ),
        ({"family": ["both"]}, "family has 'both', which is no claim"),
        ({"family": ["bth > base"]}, "no 'bth' is here. Take of both, kl, base"),
        ({"cells": {"odd": {"model.odd": 1}}}, "`fit` refuses cell odd"),
        (
            {"cells": {"bare": {"trainer.callbacks": []}}},
            "cell bare: trainer.callbacks lacks ExportEncoder",
        ),
    ],
)
def test_bad_tables_are_refused_before_anything_runs(
    configure: Configure, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        main(["sweep", "--config", str(configure(**changes))])
    assert not (tmp_path / "work").exists()


def test_a_cell_may_change_the_encoder_and_then_has_a_base_of_its_own(
    configure: Configure,
) -> None:
    table = {"mean": {}, "cls": {"model.encoder.pooling": "cls"}, "again": {}}
    found = cells(read(["--config", str(configure(cells=table, seeds=[3]))]))
    assert [cell.base for cell in found] == ["base", "base-cls", "base"]
    assert [cell.seed for cell in found] == [3, 3, 3]


def test_options_hold_for_all_cells_that_do_not_set_them(configure: Configure) -> None:
    path = configure(
        cells={"one": {}, "two": {"trainer.max_epochs": 7}},
        options={"trainer.max_epochs": 5},
    )
    found = cells(read(["--config", str(path)]))
    assert [cell.config["trainer"]["max_epochs"] for cell in found] == [5, 7]


def test_options_of_a_cell_come_after_those_of_all_cells(
    configure: Configure, tiny_encoder_dir: Path
) -> None:
    """A cell's whole encoder, then a part of it that all cells set too."""
    arguments = {"backbone": str(tiny_encoder_dir), "passage": {"max_tokens": 5}}
    whole = {"class_path": "Encoder", "init_args": arguments}
    part = "model.encoder.passage.max_tokens"
    path = configure(
        cells={"one": {"model.encoder": whole, part: 9}}, options={part: 7}
    )
    (found,) = cells(read(["--config", str(path)]))
    assert found.config["model"]["encoder"]["init_args"]["passage"]["max_tokens"] == 9


def test_trained_weights_are_loaded_as_those_of_the_base(configure: Configure) -> None:
    """Selected and last ones; the revision is the hub model's alone."""
    loading = {"trust_remote_code": True, "revision": "v2"}
    options = {f"model.encoder.loading.{key}": value for key, value in loading.items()}
    settings = read(["--config", str(configure(cells={"own": options}))])
    (cell,) = cells(settings)
    folder = run_folder(settings, cell).path
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "last.ckpt").touch()
    record = {"evaluations": [{"step": 0}, {"step": 4}], "selected_step": 0}
    (folder / "run.json").write_text(json.dumps(record), "utf-8")
    steps = list(cell_steps(settings, cell))
    searches = [step for step in steps if step.command == "retrieve"]
    kept = {"attention": None, "dtype": "float32", "trust_remote_code": True}
    assert [step.options["encoder"]["init_args"] for step in searches] == [
        {"backbone": str(folder / name), "loading": kept} for name in ("model", "last")
    ]
    # Exported last weights need no checkpoint any more.
    shutil.rmtree(folder / "checkpoints")
    (folder / "last").mkdir()
    assert list(cell_steps(settings, cell)) == steps

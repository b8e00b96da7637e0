"""The steps of a sweep: train, search with selected and last weights, judge."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dr_lightning.analysis.run import RUN_FILE
from dr_lightning.steps.step import Step, texts, trained
from dr_lightning.sweep.cells import Cell, data_files
from dr_lightning.sweep.options import BASE, Settings

DEPTH = 1000
"""Passages of the runs that are compared."""


@dataclass(frozen=True)
class Folder:
    """Where a cell's run, or the base, leaves its files.

    Args:
        path: The run folder.
    """

    path: Path

    def evaluation(self, collection: str) -> Path:
        """What a collection's queries found, and how good that is.

        Args:
            collection: Its name.
        """
        return self.path / "evaluation" / collection


def run_folder(settings: Settings, cell: Cell) -> Folder:
    """The folder of a cell's run.

    Args:
        settings: What `options.read` gave.
        cell: The cell.
    """
    return Folder(Path(settings["work"]) / cell.name / f"seed-{cell.seed}")


def checkpoints(settings: Settings, cell: Cell) -> Path:
    """The folder of a run's checkpoints.

    Args:
        settings: What `options.read` gave.
        cell: The cell.
    """
    return run_folder(settings, cell).path / "checkpoints"


def base_steps(settings: Settings, cell: Cell) -> Iterator[Step]:
    """Judges the base of a cell, and what bounds it.

    Args:
        settings: What `options.read` gave.
        cell: One whose base it is.
    """
    folder = Folder(Path(settings["work"]) / cell.base)
    for test in settings["tests"]:
        search = _search(settings, cell, test, folder, BASE, cell.config["model"])
        yield search
        bounds = settings["bounds"].get(test["name"], [])
        runs = {cell.base: search.products[0]}
        runs |= {
            text.partition("=")[0]: Path(text.partition("=")[2] or text)
            for text in bounds
        }
        yield _judge(settings, test, folder, runs)


def fit_step(settings: Settings, cell: Cell) -> Step:
    """Trains a cell.

    Args:
        settings: What `options.read` gave.
        cell: The cell.
    """
    run = run_folder(settings, cell).path
    return Step(
        name="fit",
        command="fit",
        options=cell.config,
        reads=tuple(sorted(set(data_files(cell.config["data"])))),
        products=(run / "model", run / RUN_FILE),
        run=run,
    )


def cell_steps(settings: Settings, cell: Cell) -> Iterator[Step]:
    """Judges a trained cell; to be asked step by step, each after the one before.

    Args:
        settings: What `options.read` gave.
        cell: The cell, after `fit`.
    """
    folder = run_folder(settings, cell)
    models = {"selected": folder.path / "model"}
    last, checkpoint = folder.path / "last", checkpoints(settings, cell) / "last.ckpt"
    moved_on = _moved_on(folder.path)
    if moved_on and (checkpoint.is_file() or last.is_dir()):
        models["last"] = last
        yield Step(
            name="export_last",
            command="export",
            options=texts({"checkpoint": checkpoint, "out": last}),
            # Not the checkpoint: it may have been deleted after the export.
            reads=(folder.path / RUN_FILE,),
            products=(last,),
        )
    for test in settings["tests"]:
        base = Folder(Path(settings["work"]) / cell.base).evaluation(test["name"])
        runs = {BASE: base / f"{BASE}.parquet"}
        for name, model in models.items():
            made = {"encoder": trained(cell.config["model"]["encoder"], model)}
            step = _search(settings, cell, test, folder, name, made, model)
            runs[name] = step.products[0]
            yield step
        if not moved_on:  # one search tells of both
            runs["last"] = runs["selected"]
        yield _judge(settings, test, folder, runs)


def report_step(settings: Settings, table: list[Cell]) -> Step:
    """Compares everything.

    Args:
        settings: What `options.read` gave.
        table: All cells, judged.
    """
    work = Path(settings["work"])
    out = work / "report.html"
    folders = [run_folder(settings, cell) for cell in table]
    folders += [Folder(work / name) for name in sorted({cell.base for cell in table})]
    return Step(
        name="report",
        command="report",
        options={
            "measures": settings["measures"],
            "family": settings["family"],
            "title": work.name.replace("_", " "),
            "out": str(out),
        },
        reads=tuple(
            folder.evaluation(test["name"]) / "metrics.json"
            for folder in folders
            for test in settings["tests"]
        ),
        products=(out, out.with_suffix(".md")),
        extra=(str(work),),
    )


def _moved_on(run: Path) -> bool:
    """Whether other weights than the last were selected."""
    record = json.loads((run / RUN_FILE).read_text("utf-8"))
    steps = [one["step"] for one in record["evaluations"]]
    return bool(steps) and record["selected_step"] != steps[-1]


def _search(
    settings: Settings,
    cell: Cell,
    test: dict[str, Any],
    folder: Folder,
    name: str,
    model: dict[str, Any],
    reads: Path | None = None,
) -> Step:
    files = {"corpus": test["corpus"], "queries": test["queries"]}
    out = folder.evaluation(test["name"]) / f"{name}.parquet"
    reading = cell.config["data"]["init_args"].get("reading") or {}
    return Step(
        name=f"{test['name']}_{name}",
        command="retrieve",
        options={
            **{key: reading[key] for key in ("template", "cache") if key in reading},
            "encoder": model["encoder"],
            "encoding": settings["encoding"],
            "depth": DEPTH,
            "source_depth": None,
            **files,
            "out": str(out),
        },
        reads=(*map(Path, files.values()), *([] if reads is None else [reads])),
        products=(out,),
    )


def _judge(
    settings: Settings, test: dict[str, Any], folder: Folder, runs: dict[str, Path]
) -> Step:
    out = folder.evaluation(test["name"])
    judged = [Path(test[kind]) for kind in ("corpus", "queries", "qrels")]
    return Step(
        name=f"{test['name']}_evaluate",
        command="evaluate",
        options={
            "collection": test,
            "runs": [f"{name}={path}" for name, path in runs.items()],
            "measures": settings["measures"],
            "out": str(out),
        },
        reads=(*judged, *runs.values()),
        products=(out / "metrics.json",),
    )

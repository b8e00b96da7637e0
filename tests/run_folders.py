"""Folders as `fit` and `evaluate --out` leave them, with values that can be read."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from dr_lightning import artefacts, schemas

MEASURE = "nDCG@10"


def write_values(
    file: Path, values: Sequence[float], settings: Mapping[str, Any] | None = None
) -> None:
    """A ranking of two passages for each query, and the values of each.

    Args:
        file: The ranking's parquet file.
        values: nDCG@10 of the queries q0, q1, ...; R@100 is 1 - it.
        settings: Of the manifest.
    """
    queries = [f"q{number}" for number in range(len(values))]
    run = pl.DataFrame(
        {
            "query_id": queries,
            "passage_id": [["a", "b"] if v > 0.5 else ["b", "a"] for v in values],
            "score": [[0.9, 0.1]] * len(values),
        }
    )
    manifest = artefacts.Manifest(stage="evaluate", settings=settings or {})
    artefacts.write(run, file, schemas.RUN, manifest, overwrite=True)
    table = pl.DataFrame({"query_id": queries, MEASURE: values})
    table = table.with_columns((1 - pl.col(MEASURE)).alias("R@100"))
    table.write_parquet(file.with_name(f"{file.stem}.per_query.parquet"))


def write_run(
    folder: Path,
    by_step: Mapping[int, Sequence[float]],
    seed: int = 13,
    name: str = "kl",
    selected: int | None = None,
    rate: float = 1e-5,
    status: str = "finished",
) -> Path:
    """A run with the collection dev.

    Args:
        folder: The run's.
        by_step: nDCG@10 of the queries at each evaluation.
        seed: `seed_everything`.
        name: The logger's.
        selected: The selected step; null = the last.
        rate: Of learning.
        status: How it ended.
    """
    steps = list(by_step)
    for step, values in by_step.items():
        file = folder / "retrieval" / f"val-{step}" / "dev.parquet"
        write_values(file, values, {"searched": None})
    evaluations = [
        {
            "step": s,
            "epoch": 0,
            f"val/{MEASURE}": sum(v) / len(v),
            "val/loss": 1 / (s + 1),
        }
        for s, v in by_step.items()
    ]
    write_record(
        folder,
        status=status,
        seconds=60.0,
        seeds={"seed_everything": seed},
        selected_step=steps[-1] if selected is None else selected,
        evaluations=evaluations,
    )
    config = {
        "seed_everything": seed,
        "trainer": {"logger": {"init_args": {"name": name, "save_dir": str(folder)}}},
        "model": {
            "encoder": {"init_args": {"backbone": "models/mini"}},
            "optimizer": {"init_args": {"lr": rate}},
        },
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config), "utf-8")
    lines = [
        "epoch,step,train/loss",
        *(f"0,{s},{1 / (s + 1)}" for s in range(steps[-1])),
    ]
    (folder / "metrics.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def write_record(folder: Path, **record: Any) -> None:
    """The run's `run.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(record), "utf-8")


def write_evaluation(
    folder: Path, systems: Mapping[str, Sequence[float]], collection: str = "scifact"
) -> Path:
    """What `evaluate --out` leaves.

    Args:
        folder: Its output.
        systems: nDCG@10 of the queries of each system, the base first.
        collection: The collection's name.
    """
    for number, values in enumerate(systems.values()):
        write_values(folder / f"run-{number}.parquet", values)
    told = {
        name: {"run": f"run-{number}.parquet"} for number, name in enumerate(systems)
    }
    text = json.dumps({"collection": collection, "systems": told})
    (folder / "metrics.json").write_text(text, "utf-8")
    return folder

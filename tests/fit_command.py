"""`fit` through the command line, on tiny data, with callbacks of the test's choice."""

from pathlib import Path
from typing import Any

import polars as pl
import yaml

from dr_lightning.cli import main
from tests.tiny_options import ON_CPU, as_options, tiny_options

ROOT = Path(__file__).parent.parent
CONFIG = ROOT / "configs" / "experiment" / "quickstart.yaml"
ADDED = ROOT / "configs" / "callbacks" / "add"
ENCODER = ROOT / "tests" / "assets" / "encoder"
STEPS_AN_EPOCH = 4  # 16 train lists, batches of 4


def part(class_path: str, **init_args: Any) -> dict[str, Any]:
    return {"class_path": class_path, "init_args": init_args}


def options(folder: Path) -> list[str]:
    """What makes the quickstart tiny."""
    settings = tiny_options(folder, ENCODER) | ON_CPU
    return as_options(settings | {"data.batching.order.size": "4"})


def callbacks(folder: Path, *parts: Any) -> str:
    """An option that gives a run these callbacks and no others."""
    path = folder / "callbacks.yaml"
    path.write_text(yaml.safe_dump(list(parts)), "utf-8")
    return f"--trainer.callbacks={path}"


def fit(folder: Path, *more: str) -> Path:
    """Runs `fit`, and gives the newest folder of a run."""
    main(["fit", "--config", str(CONFIG), *options(folder), *more])
    return newest(folder)


def newest(folder: Path) -> Path:
    runs = folder / "runs" / "run"
    return max(runs.iterdir(), key=lambda path: int(path.name.rpartition("_")[2]))


def logged(run: Path, key: str) -> dict[int, float]:
    """The values of a key by step."""
    frame = pl.read_csv(run / "metrics.csv", infer_schema_length=None)
    rows = frame.select("step", key).drop_nulls().iter_rows()
    return {int(step): float(value) for step, value in rows}

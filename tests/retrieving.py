"""`retrieve` and `evaluate` on tiny data through the command line, for their tests."""

from pathlib import Path

import polars as pl

from dr_lightning import artefacts, schemas
from dr_lightning.cli import main

MADE = artefacts.Manifest(stage="test")


def command(tiny: Path, out: Path, *options: str) -> list[str]:
    """What `main` takes."""
    paths = [f"--{name}={tiny / name}.parquet" for name in ("corpus", "queries")]
    return ["retrieve", *paths, f"--out={out}", *options]


def run_of(tiny: Path, out: Path, *options: str) -> pl.DataFrame:
    """Retrieves and reads what was written."""
    main(command(tiny, out, *options))
    return artefacts.read(out, schemas.RUN)


def retrieve(tiny: Path, model: Path, out: Path, *options: str) -> pl.DataFrame:
    """The same with an encoder."""
    return run_of(tiny, out, f"--encoder.backbone={model}", *options)


def evaluation(tiny: Path, *options: str) -> None:
    """Evaluates on the tiny collection."""
    files = {name: tiny / f"{name}.parquet" for name in ("corpus", "queries", "qrels")}
    paths = [f"--collection.{name}={path}" for name, path in files.items()]
    main(["evaluate", "--collection.name=tiny", *paths, *options])

"""A corpus for `generate`, a fake that stops, and what the stage left."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from dr_lightning import artefacts, schemas
from dr_lightning.generation.engine import Answer, Report, Request, unheard
from dr_lightning.generation.engines import Fake

PASSAGES = {
    f"p{row}": f"Oven number {row} stands in the old bakery. It holds {row} loaves of "
    f"dark bread. The baker of street {row} heats this oven with dry wood at night."
    for row in range(12)
}


BLANK = "blank"


class Counting(Fake):
    """A fake that counts requests and stops after some calls, as a kill would."""

    def __init__(self, calls: int = 1000, faulty: float = 0.0) -> None:
        super().__init__(faulty)
        self.calls = calls
        self.seen: list[Request] = []

    def answer(
        self, requests: Sequence[Request], report: Report = unheard
    ) -> list[Answer]:
        if self.calls == 0:
            raise KeyboardInterrupt
        self.calls -= 1
        self.seen += requests
        return super().answer(requests, report)


def read(files: dict[str, Any]) -> pl.DataFrame:
    return artefacts.read(files["out"], schemas.QUERIES)


def manifest(files: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = artefacts.read_manifest(files["out"])
    return content


def parts(files: dict[str, Any]) -> list[Path]:
    return sorted(files["out"].with_name("queries.parts").glob("*.parquet"))


def answers(files: dict[str, Any]) -> Path:
    path: Path = files["out"].with_name("queries_answers.parquet")
    return path


def forget(files: dict[str, Any]) -> bytes:
    """Removes queries and answers; what the queries were."""
    whole: bytes = files["out"].read_bytes()
    for path in (files["out"], answers(files)):
        path.unlink()
    return whole


def second_corpus(files: dict[str, Any]) -> Path:
    path: Path = files["out"].with_name("queries_corpus.parquet")
    return path


def options(files: dict[str, Any]) -> list[str]:
    return [f"--{name}={path}" for name, path in files.items()]

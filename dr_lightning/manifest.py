"""Manifests: what made an artefact, as JSON beside it."""

import hashlib
import json
import platform
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

import dr_lightning
from dr_lightning.schemas import SCHEMA_VERSION, Schema


@dataclass
class Manifest:
    """What made an artefact; written as JSON beside it.

    Args:
        stage: The command.
        settings: Its options, as JSON can hold them.
        inputs: Name and path of what it read; fingerprints are taken at writing.
        counts: Rows in and out.
        dropped: Reason and count of every drop.
        extra: Anything else worth keeping, such as statistics.
        started: Seconds of `time.monotonic()` when the stage began.
    """

    stage: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Path] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """The fingerprint of each input, taken once however many artefacts it has."""
        return {name: fingerprint(path) for name, path in self.inputs.items()}

    def to_json(self, schema: Schema) -> str:
        """The text that stands beside an artefact.

        Args:
            schema: The artefact's contract.
        """
        versions = {
            "python": platform.python_version(),
            "dr_lightning": dr_lightning.__version__,
            "polars": pl.__version__,
        }
        # Only a stage that computes with torch has it loaded.
        if "torch" in sys.modules:
            versions["torch"] = str(sys.modules["torch"].__version__)
        record = {
            "schema": schema.name,
            "schema_version": SCHEMA_VERSION,
            "stage": self.stage,
            "settings": dict(self.settings),
            "inputs": self.fingerprints,
            "counts": dict(self.counts),
            "dropped": dict(self.dropped),
            "extra": dict(self.extra),
            "seconds": round(time.monotonic() - self.started, 1),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": versions,
        }
        return json.dumps(record, indent=2, ensure_ascii=False, default=str) + "\n"


def manifest_path(path: Path) -> Path:
    """Where an artefact's manifest lies.

    Args:
        path: The artefact.

    Example:
        >>> manifest_path(Path("data/corpus.parquet")).name
        'corpus.manifest.json'
    """
    return path.with_name(f"{path.stem}.manifest.json")


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of an artefact; empty where there is none.

    Args:
        path: The artefact.

    Raises:
        ValueError: If the manifest is not a JSON object.
    """
    beside = manifest_path(path)
    if not beside.is_file():
        return {}
    try:
        record = json.loads(beside.read_text("utf-8"))
    except ValueError as error:
        record = error
    if not isinstance(record, dict):
        msg = f"{beside}: is no manifest ({record}). Remove it, or write it anew."
        raise ValueError(msg)
    return record


def fingerprint(path: Path) -> str:
    """16 hexadecimal digits that change with the content of a file or a folder.

    Args:
        path: A file, or a folder, whose files count in order of name.

    Raises:
        ValueError: If there is no such file.
    """
    path = Path(path)
    found = [path]
    if path.is_dir():
        found = sorted(file for file in path.rglob("[!.]*") if file.is_file())
    elif not path.is_file():
        msg = f"{path}: no such file, so it has no fingerprint. Give one that exists."
        raise ValueError(msg)
    digest = hashlib.sha256()
    for file in found:
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:16]

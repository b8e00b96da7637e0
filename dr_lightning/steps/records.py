"""Whether a step is finished: its key, the record it left, and why it runs again."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import dr_lightning
from dr_lightning.artefacts import fingerprint, replacing
from dr_lightning.models.identity import file_digest
from dr_lightning.models.weights import PACKAGE, locate
from dr_lightning.steps.step import Step

UNFINISHED = "it was not finished"
"""The reason of a step that was stopped: it goes on where it can."""


@dataclass(frozen=True)
class Record:
    """What shaped a step's result, and the result's fingerprints.

    Args:
        settings: Options by dotted name; paths inside the run's folder are relative.
        reads: Fingerprint of each file that was read.
        products: Fingerprint of each file that was made; empty until it is finished.
        release: The release that ran it.
        seconds: How long it took.
    """

    settings: dict[str, Any]
    reads: dict[str, str]
    products: dict[str, str]
    release: str = dr_lightning.__version__
    seconds: float = 0.0

    @classmethod
    def load(cls, path: Path) -> "Record | None":
        """Reads a record; None where there is none that can be read.

        Args:
            path: The file.
        """
        try:
            return cls(**json.loads(path.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None  # the step runs again, which writes a good one

    def save(self, path: Path) -> None:
        """Writes the record under a temporary name, then renames it.

        Args:
            path: The file.
        """
        with replacing(path) as file:
            file.write_text(json.dumps(vars(self), indent=2) + "\n", "utf-8")


def expected(step: Step, work: Path) -> Record:
    """The record of a step that has not made anything yet.

    Args:
        step: The step.
        work: The run's folder.

    Raises:
        ValueError: If a file that it reads is missing.
    """
    given = dict(_flat("", dict(step.options)))
    settings = json.loads(json.dumps(given).replace(f"{work}/", ""))
    models = {f"model {name}": _content(path) for name, path in _models(given)}
    reads = {_inside(path, work): _print(path) for path in step.reads}
    return Record(settings, reads | models, {})


def products(step: Step, work: Path) -> dict[str, str]:
    """Fingerprints of what a step made.

    Args:
        step: The step.
        work: The run's folder.

    Raises:
        ValueError: If one is missing.
    """
    return {_inside(path, work): _print(path) for path in step.products}


def reason(step: Step, work: Path, wanted: Record, found: Record | None) -> str | None:
    """Why a step has to run; None = it is finished.

    Args:
        step: The step.
        work: The run's folder.
        wanted: What `expected` gives.
        found: The record it left.

    Returns:
        A few words, such as "depth is 50, was 100".
    """
    if found is None:
        return "it has not run yet"
    if found.release != wanted.release:
        return f"dr_lightning is {wanted.release}, was {found.release}"
    if changed := _change(found.settings, wanted.settings):
        return changed
    if changed := _change(found.reads, wanted.reads):
        return f"an input changed: {changed.partition(' is ')[0]}"
    if not found.products:
        return UNFINISHED
    for path in step.products:
        name = _inside(path, work)
        if not path.exists():
            return f"{name} is gone"
        if _print(path) != found.products.get(name):
            return f"{name} was changed by something else"
    return None


def _print(path: Path) -> str:
    """The fingerprint of a file or folder; taken once for each state of it."""
    files = [path, *path.rglob("*")] if path.exists() else []
    states = [(file, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return _print_of(path, tuple(states))


@cache
def _print_of(path: Path, state: tuple[tuple[Path, int, int], ...]) -> str:
    return fingerprint(path)


def _change(old: dict[str, Any], new: dict[str, Any]) -> str | None:
    """The first difference of two mappings, in words."""
    for name in sorted({*old, *new}):
        if name not in old:
            return f"{name} is {new[name]!r}, was not set"
        if name not in new:
            return f"{name} is not set, was {old[name]!r}"
        if old[name] != new[name]:
            return f"{name} is {new[name]!r}, was {old[name]!r}"
    return None


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Dotted names of all leaves."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _flat(f"{prefix}.{key}" if prefix else key, item)
    else:
        yield prefix, value


def _models(settings: dict[str, Any]) -> Iterator[tuple[str, Path]]:
    """Model folders among the settings, with the settings' names."""
    for name, value in settings.items():
        if name.endswith((".model", ".backbone")) and isinstance(value, str):
            path = Path(locate(value) if value.startswith(PACKAGE) else value)
            if path.is_dir():
                yield name, path


def _content(folder: Path) -> str:
    """Changes with any file of a model; digests of large ones are remembered."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("[!.]*") if path.is_file()):
        digest.update(f"{file.relative_to(folder)} {file_digest(file)}\n".encode())
    return digest.hexdigest()[:16]


def _inside(path: Path, work: Path) -> str:
    return str(path.relative_to(work) if path.is_relative_to(work) else path)

"""One step: a command, its options, what it reads and makes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Step:
    """One command.

    Args:
        name: What the user calls it.
        command: A stage or a verb.
        options: What its YAML holds.
        reads: The files it reads.
        products: What has to be there afterwards.
        shared: Whether all students use the result.
        extra: Options on the command line that change nothing of the result.
        base: A config that is read before.
        run: The folder of a training run, which is taken up where it was stopped.
    """

    name: str
    command: str
    options: Mapping[str, Any]
    reads: tuple[Path, ...]
    products: tuple[Path, ...]
    shared: bool = False
    extra: tuple[str, ...] = ()
    base: Path | None = None
    run: Path | None = None


def texts(files: Mapping[str, Path]) -> dict[str, str]:
    """Options that are paths, as YAML holds them.

    Args:
        files: Paths by the options' names.
    """
    return {name: str(path) for name, path in files.items()}


def trained(student: Mapping[str, Any], model: Path) -> dict[str, Any]:
    """Options of an encoder after training: another folder, loaded in the same way.

    Args:
        student: Its options before training, class_path and init_args.
        model: The folder that training left.
    """
    loading = student["init_args"].get("loading")
    given: dict[str, Any] = {"backbone": str(model)}
    if loading:
        # A revision is one of the hub model's; the folder has none.
        given["loading"] = {k: v for k, v in loading.items() if k != "revision"}
    return {"class_path": "Encoder", "init_args": given}

"""A training run's folder, read as it is: finished, crashed, or still going on."""

import json
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

RUN_FILE = "run.json"
METRICS_FILE = "metrics.csv"
CONFIG_FILE = "config.yaml"
_OF_OTHER_VERBS = {"verbose", "return_predictions"}
#: Folders of a run in which no other run and no evaluation lies.
_LEAVES = frozenset({"checkpoints", "model", "retrieval"})


@dataclass(frozen=True)
class Run:
    """What `fit` left in a folder; whatever is missing is empty or None.

    Args:
        folder: Has `run.json` or `metrics.csv`, or the config of `fit`.
    """

    folder: Path

    @cached_property
    def record(self) -> dict[str, Any]:
        """What `RunSummary` wrote; empty before the first evaluation."""
        return _mapping(self.folder / RUN_FILE, json.loads)

    @cached_property
    def config(self) -> dict[str, Any]:
        """The settings that repeat the run."""
        return _mapping(self.folder / CONFIG_FILE, yaml.safe_load)

    @property
    def is_of_fit(self) -> bool:
        """Whether the config is one that `fit` writes, before it trains.

        `validate`, `test` and `predict` write theirs with an option that `fit` lacks.
        """
        parts = (section(self.config, name) for name in ("trainer", "model"))
        return all(parts) and not self.config.keys() & _OF_OTHER_VERBS

    @property
    def experiment(self) -> str:
        """The logger's name, else that of the folder (above `version_0` and so on)."""
        loggers = section(self.config, "trainer").get("logger")
        for logger in loggers if isinstance(loggers, list) else [loggers]:
            if isinstance(logger, dict):
                name = section(logger, "init_args").get("name")
                if name:
                    return str(name)
        own = self.folder.resolve()
        return own.parent.name if own.name.startswith("version_") else own.name

    @property
    def seed(self) -> int | None:
        """`seed_everything`."""
        seed = section(self.record, "seeds").get("seed_everything")
        seed = self.config.get("seed_everything") if seed is None else seed
        return seed if type(seed) is int else None

    @property
    def status(self) -> str:
        """How the run ended, as far as its files tell."""
        if not self.record:
            return "no evaluation yet: running, or stopped before"
        status = str(self.record.get("status", "unknown"))
        return "running or killed" if status == "running" else status

    @property
    def is_finished(self) -> bool:
        """Whether it came to its end; early stopping is one too."""
        return self.status == "finished"

    @property
    def only_judged(self) -> bool:
        """Whether nothing was trained: `test` and `validate` leave no record."""
        path = self.folder / METRICS_FILE
        if (self.folder / RUN_FILE).is_file() or not path.is_file():
            return False
        # Another program's file may have other letters; those looked for are ASCII.
        with path.open(encoding="utf-8", errors="replace") as lines:
            return "train/" not in next(lines, "train/")

    @property
    def evaluations(self) -> list[dict[str, Any]]:
        """Values of each evaluation in the loop, with its step."""
        return self._with_steps("evaluations")

    @property
    def timings(self) -> list[dict[str, Any]]:
        """Seconds until each evaluation's end, and of itself, with its step."""
        return self._with_steps("timings")

    def _with_steps(self, key: str) -> list[dict[str, Any]]:
        """The entries that have a step, of a list that may be none."""
        found = self.record.get(key)
        told = found if isinstance(found, list) else []
        return [
            one
            for one in told
            if isinstance(one, dict) and type(one.get("step")) is int
        ]

    @property
    def ends(self) -> dict[str, int | None]:
        """Optimizer steps of base, selected and last weights, where they are known.

        Selected is what `ModelCheckpoint` holds for best: the base may be it. There is
        no last one before the first step.
        """
        steps = [one["step"] for one in self.evaluations]
        selected = self.record.get("selected_step")
        return {
            "base": 0 if 0 in steps else None,
            "selected": selected if type(selected) is int else None,
            "last": steps[-1] if any(steps) else None,
        }

    @property
    def fingerprints(self) -> dict[str, str]:
        """Fingerprints of the data; runs of older releases have two of them."""
        if "fingerprints" in self.record:
            return section(self.record, "fingerprints")
        facts = section(self.record, "facts")
        return {k: facts[k] for k in ("corpus", "train lists") if k in facts}


def section(settings: dict[str, Any], *keys: str) -> dict[str, Any]:
    """A mapping within a mapping; empty where it is missing or something else.

    Args:
        settings: What is looked into.
        keys: Names on the way.

    Example:
        >>> section({"data": {"init_args": {"seed": 1}}}, "data", "init_args")
        {'seed': 1}
        >>> section({"data": None}, "data", "init_args")
        {}
    """
    found: Any = settings
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _mapping(path: Path, load: Any) -> dict[str, Any]:
    """A file's mapping; empty where it is missing or half-written."""
    try:
        found = load(path.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}


def is_run(folder: Path, files: Collection[str]) -> bool:
    """Whether a folder is a run's; of one that died early there is but the config.

    Args:
        folder: The folder.
        files: Names of its files.
    """
    # A config is read only where nothing else tells: YAML is slow.
    return _has_logged(files) or (CONFIG_FILE in files and Run(folder).is_of_fit)


def _has_logged(files: Collection[str]) -> bool:
    return RUN_FILE in files or METRICS_FILE in files


def walk(path: Path) -> Iterator[tuple[Path, set[str]]]:
    """A folder and those below it that may hold results, with the names of their files.

    Args:
        path: The folder.

    Raises:
        ValueError: If there is no such folder.
    """
    if not path.is_dir():
        msg = f"{path}: no such folder. Give folders that `fit` or `evaluate` wrote."
        raise ValueError(msg)
    for name, folders, files in os.walk(path):
        leaves = _LEAVES if _has_logged(files) else frozenset()
        folders[:] = sorted(f for f in folders if f not in leaves and f[0] != ".")
        yield Path(name), set(files)

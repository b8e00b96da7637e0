"""What runs were: status, cost, versions, differences, and how to repeat them."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dr_lightning.analysis.experiments import Experiment, differences
from dr_lightning.analysis.judged import Judged, evaluated
from dr_lightning.analysis.results import Results
from dr_lightning.analysis.run import CONFIG_FILE, Run, section
from dr_lightning.analysis.section import Figure, Section
from dr_lightning.analysis.table import Table
from dr_lightning.artefacts import read_manifest
from dr_lightning.texts import PASSAGE_TEMPLATE

_MODULE = "python -m dr_lightning"


def runs(results: Results, command: Sequence[str]) -> Section:
    """The runs and the commands that repeat them, their evaluations and the report.

    Args:
        results: What `load` gave.
        command: Arguments of the report's own.
    """
    found: list[Table | Figure] = []
    if results.runs:
        found.append(_runs(results.experiments))
    several = differences(results.experiments)
    if several:
        found.append(_differences(results.experiments, several))
    found += _versions(results.runs)
    return Section(
        title="What was run?",
        text="Relative paths of a command are those of where it first ran.",
        blocks=found,
        commands=[
            *map(_fit, results.runs),
            *_evaluations(results.judged),
            f"{_MODULE} {shlex.join(command)}",
        ],
    )


def _runs(experiments: Sequence[Experiment]) -> Table:
    return Table(
        title="Runs",
        columns=[
            "run",
            "status",
            "seed",
            "selected step",
            "last step",
            "minutes",
            "GiB, peak",
            "training lists",
            "queries a batch",
            "data",
        ],
        rows=[_run(one.name, run) for one in experiments for run in one.runs],
        note=(
            "Minutes with evaluations. Peak memory of the process (first rank), and of "
            "its GPU where it has one. Data: the first digits of the fingerprints of "
            "corpus and train lists."
        ),
        texts=2,
    )


def _run(name: str, run: Run) -> list[str]:
    facts = section(run.record, "facts")
    seconds = run.record.get("seconds")
    memory = section(run.record, "peak_memory_mib")
    prints = [run.fingerprints.get(k, "") for k in ("corpus", "train lists")]
    return [
        name,
        run.status,
        _told(run.seed),
        _told(run.ends["selected"]),
        _told(run.ends["last"]),
        "" if seconds is None else f"{seconds / 60:.1f}",
        ", ".join(f"{size / 1024:.1f}" for size in memory.values()),
        _told(facts.get("training lists")),
        _told(facts.get("queries a batch (all ranks)")),
        " ".join(text[:6] for text in prints if text),
    ]


def _told(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _differences(
    experiments: Sequence[Experiment], found: dict[str, list[object]]
) -> Table:
    return Table(
        title="Settings that differ",
        columns=["setting", *(one.name for one in experiments)],
        rows=[[key, *map(_value, values)] for key, values in found.items()],
        note="Without seeds and logger; of paths the last part.",
        texts=1 + len(experiments),
    )


def _value(value: object) -> str:
    return "null" if value is None else str(value)


def _versions(found: Sequence[Run]) -> list[Table]:
    every = [section(run.record, "versions") for run in found]
    told = {json.dumps(versions) for versions in every if versions}
    if not told:
        return []
    versions = [json.loads(text) for text in sorted(told)]
    numbered = [f"set {number}" for number in range(1, len(versions) + 1)]
    names = dict.fromkeys(name for one in versions for name in one)
    return [
        Table(
            title="Versions",
            columns=["package", *(["version"] if len(versions) == 1 else numbered)],
            rows=[[name, *(one.get(name, "") for one in versions)] for name in names],
        )
    ]


def _fit(run: Run) -> str:
    """With a folder of its own, for the same version would replace the run's files."""
    told = ["fit", "--config", str(run.folder / CONFIG_FILE)]
    logger = section(run.config, "trainer", "logger", "init_args")
    if logger.get("version") is not None:
        told += ["--trainer.logger.init_args.version", "null"]
    return f"{_MODULE} {shlex.join(told)}"


def _evaluations(judged: Sequence[Judged]) -> list[str]:
    """A command for each folder of `evaluate` whose manifests name its inputs."""
    commands = []
    for folder in dict.fromkeys(one.file.parent for one in judged):
        # Rankings that other folders have too are judged once, but stand in all.
        manifests = [read_manifest(file) for file in evaluated(folder)[1].values()]
        settings = [section(one, "settings") for one in manifests]
        if settings and all(section(one, "source") for one in settings):
            commands.append(_evaluation(folder, settings))
    return commands


def _evaluation(folder: Path, settings: Sequence[dict[str, Any]]) -> str:
    collection = settings[0]["collection"]
    told = [
        f"--collection.{name}={collection[name]}"
        for name in ("name", "corpus", "queries", "qrels")
    ]
    if collection["drop_identical"]:
        told.append("--collection.drop_identical=true")
    told.append(f"--measures=[{', '.join(settings[0]['measures'])}]")
    for kind in ("models", "runs"):
        sources = [
            f"{one['system']}={one['source'][kind]}"
            for one in settings
            if kind in one["source"]
        ]
        told += [f"--{kind}=[{', '.join(sources)}]"] if sources else []
    told += _reading(settings)
    told += [f"--out={folder}", "--overwrite=true"]
    return f"{_MODULE} {shlex.join(['evaluate', *told])}"


def _reading(settings: Sequence[dict[str, Any]]) -> list[str]:
    """How the models read the collection, where not by default; all read alike."""
    own = next((one for one in settings if "models" in one["source"]), {})
    options = ("template", "encoding", "search", "loading")
    given = {name: own.get(name) for name in options}
    if given["template"] == PASSAGE_TEMPLATE:
        given["template"] = None
    return [
        f"--{name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, value in given.items()
        if value is not None
    ]

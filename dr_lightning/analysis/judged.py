"""Judged rankings: whose, on which collection, and the files that hold them."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from dr_lightning.analysis.bases import bases
from dr_lightning.analysis.experiments import Experiment
from dr_lightning.analysis.run import Run, section
from dr_lightning.artefacts import read_manifest

#: `teacher`, and `teacher_NAME` of several, as `specialize` calls them; not `teachers`.
_TEACHER = re.compile(r"teacher(?![^\W\d_])")
EVALUATION_FILE = "metrics.json"
VALUES = ".per_query.parquet"
_RANKING = pl.Schema(
    {
        "query_id": pl.String(),
        "passage_id": pl.List(pl.String()),
        "score": pl.List(pl.Float32()),
    }
)
ALONE = ("base", "teacher", "other")
"""Checkpoints of systems that have no other."""


@dataclass(frozen=True)
class Judged:
    """A ranking of a collection, judged query by query.

    Args:
        file: The ranking, query_id with lists of passages and scores.
        collection: Its name.
        kind: "test", or "validation" where it may have selected a model.
        system: Whose it is: an experiment, a base, a teacher, or a name of `evaluate`.
        checkpoint: "base", "selected", "last", both of them, "teacher", or "other".
        base: The system that it is compared with; empty = none known.
        seed: Of the run; null where none was trained.
        step: Optimizer steps taken; null where that is not known.
        of_run: Whether it belongs to a run at hand.
        counts: Whether it is averaged and tested; not what an unfinished run trained
            while other seeds are finished.
    """

    file: Path
    collection: str
    kind: str
    system: str
    checkpoint: str
    base: str
    seed: int | None = None
    step: int | None = None
    of_run: bool = True
    counts: bool = True

    @property
    def values(self) -> Path:
        """The measures of each query."""
        return self.file.with_name(f"{self.file.stem}{VALUES}")

    @property
    def ranking(self) -> pl.LazyFrame:
        """Passages and scores of each query; none where the file cannot be read."""
        if not self.is_ranked:
            return pl.LazyFrame(schema=_RANKING)
        return pl.scan_parquet(self.file).select(_RANKING.names())

    @property
    def is_ranked(self) -> bool:
        """Whether the ranking is there and whole; its values may be without it."""
        return set(_RANKING) <= set(columns(self.file))

    @property
    def name(self) -> str:
        """The system, with the checkpoint where it has several."""
        return full_name(self.system, self.checkpoint)

    @property
    def manifest(self) -> dict[str, Any]:
        """What made the ranking; empty where that is not known."""
        return read_manifest(self.file)

    @property
    def fingerprint(self) -> str:
        """Changes with corpus, queries and qrels; empty where they are not known."""
        inputs = section(self.manifest, "inputs")
        return "".join(str(inputs.get(k, "")) for k in ("qrels", "queries", "corpus"))


def columns(path: Path) -> list[str]:
    """Columns of a parquet file; none of one that is missing or half-written.

    Args:
        path: The file.
    """
    try:
        return pl.scan_parquet(path).collect_schema().names()
    except (OSError, pl.exceptions.PolarsError):
        return []


def full_name(system: str, checkpoint: str) -> str:
    """A system's name, with its checkpoint where it has several.

    Example:
        >>> full_name("kl", "selected"), full_name("base", "base")
        ('kl selected', 'base')
    """
    return system if checkpoint in ALONE else f"{system} {checkpoint}"


def of_runs(found: Sequence[Experiment]) -> list[Judged]:
    """What the evaluations in the loop of runs judged, step by step.

    A step that is several checkpoints, such as base and selected, is listed for each.

    Args:
        found: Experiments and their runs.
    """
    behind = bases(found)
    return [
        one
        for experiment in found
        for run in experiment.runs
        for one in _of_run(run, experiment, f"base{behind[experiment.name]}")
    ]


def _of_run(run: Run, experiment: Experiment, base: str) -> Iterator[Judged]:
    for file, stage, step in rankings(run.folder):
        one = Judged(
            file=file,
            collection=file.stem + part(run, file, stage, step),
            kind="validation",
            system=experiment.name,
            checkpoint="other",
            base=base,
            seed=run.seed,
            step=step,
        )
        for checkpoint in experiment.checkpoints(run, step) or ["other"]:
            is_base = checkpoint == "base"
            yield replace(
                one,
                system=base if is_base else experiment.name,
                checkpoint=checkpoint,
                counts=is_base or run in experiment.compared,
            )


def rankings(folder: Path) -> Iterator[tuple[Path, str, int]]:
    """The rankings that callbacks left in a run's folder, with stage and step.

    Args:
        folder: Of the run.
    """
    for values in sorted((folder / "retrieval").glob(f"*/[!.]*{VALUES}")):
        stage, _, step = values.parent.name.rpartition("-")
        if step.isdigit():
            name = values.name.removesuffix(VALUES)
            yield values.with_name(f"{name}.parquet"), stage, int(step)


def part(run: Run, file: Path, stage: str, step: int) -> str:
    """Tells a part of a corpus from the whole: their values do not compare.

    Args:
        run: Whose config tells it, if the ranking's manifest does not.
        file: The ranking.
        stage: "val", "last" or "test".
        step: Optimizer steps taken.
    """
    settings = section(read_manifest(file), "settings")
    if "searched" in settings:
        size = settings["searched"]
        return "" if size is None else f", {size:,} passages"
    for callback in section(run.config, "trainer").get("callbacks") or []:
        part = section(callback, "init_args", "sub_corpus")
        whole_now = part.get("whole_at_ends", True) and step == 0
        if part and stage == "val" and not whole_now:
            return ", part of the corpus"
    return ""


def find_evaluations(
    folders: Mapping[Path, set[str]], found: Sequence[Experiment]
) -> list[Judged]:
    """What `evaluate --out` judged, its first system the base of the others.

    A folder below a run's belongs to the run: `selected` and `last` are its
    checkpoints, the first system is its base if it is none of them. A system called
    `teacher` or `teacher_NAME` is a bound, wherever it lies: last in tables, and no
    student whose queries are looked at.

    Args:
        folders: Folders and the names of their files.
        found: Experiments and their runs.
    """
    behind = bases(found)
    judged: list[Judged] = []
    for folder, files in folders.items():
        if EVALUATION_FILE in files:
            judged += _of_evaluation(folder, owner_of(folder, found), behind)
    return judged


def evaluated(folder: Path) -> tuple[str, dict[str, Path]]:
    """The collection and the rankings that `evaluate --out` left, the base first.

    Args:
        folder: Its output; of another program's the rankings are empty.
    """
    try:
        told = json.loads((folder / EVALUATION_FILE).read_text("utf-8"))
        runs = {name: folder / one["run"] for name, one in told["systems"].items()}
        return told["collection"], runs
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "", {}


def owner_of(path: Path, found: Sequence[Experiment]) -> tuple[Run, Experiment] | None:
    """The run in whose folder a path lies, if any.

    Args:
        path: A file or a folder.
        found: Experiments and their runs.
    """
    for experiment in found:
        for run in experiment.runs:
            if run.folder.resolve() in path.resolve().parents:
                return run, experiment
    return None


def _of_evaluation(
    folder: Path, owner: tuple[Run, Experiment] | None, behind: dict[str, str]
) -> Iterator[Judged]:
    collection, runs = evaluated(folder)
    for number, (name, file) in enumerate(runs.items()):
        checkpoint = _checkpoint(name, number)
        one = Judged(
            file=file,
            collection=collection,
            kind="test",
            system=name,
            checkpoint=checkpoint,
            base=next(iter(runs)),
            of_run=owner is not None,
        )
        yield one if owner is None else owned(one, *owner, behind)


def _checkpoint(name: str, number: int) -> str:
    if number == 0 and name not in {"selected", "last"}:
        return "base"
    return "teacher" if _TEACHER.match(name) else "other"


def owned(
    one: Judged, run: Run, experiment: Experiment, behind: dict[str, str]
) -> Judged:
    """A ranking judged apart, as that of a run.

    Args:
        one: Its system is "selected", "last", or any other name.
        run: The run.
        experiment: The run's.
        behind: What `bases` gave.
    """
    suffix = behind[experiment.name]
    base = f"base{suffix}"
    if one.checkpoint == "base":
        return replace(one, system=base, base=base)
    if one.checkpoint == "teacher":
        return replace(one, system=one.system + suffix, base=base)
    one = replace(one, base=base, seed=run.seed, counts=run in experiment.compared)
    if one.system not in {"selected", "last"}:
        return replace(one, system=f"{experiment.name} {one.system}")
    return replace(
        one,
        system=experiment.name,
        checkpoint=experiment.checkpoint(run, one.system),
        step=run.ends[one.system],
    )

"""Everything that folders of runs and evaluations tell, as lazy polars frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from dr_lightning.analysis import names, values
from dr_lightning.analysis.experiments import (
    Experiment,
    experiments,
    unfinished,
)
from dr_lightning.analysis.judged import Judged, find_evaluations, of_runs
from dr_lightning.analysis.run import Run, is_run, walk
from dr_lightning.analysis.steps import logged
from dr_lightning.analysis.unequal import tell_systems_apart
from dr_lightning.analysis.verbs import of_verbs

STEPS = pl.Schema(
    {
        "run": pl.String(),
        "seed": pl.Int64(),
        "step": pl.Int64(),
        "key": pl.String(),
        "value": pl.Float64(),
    }
)


@dataclass(frozen=True)
class Results:
    """Runs and judged rankings, and what was left out or told apart.

    Args:
        experiments: Runs by experiment.
        judged: Rankings, those of every evaluation in the loop among them.
        notes: What a reader must know: omissions, names that were told apart.
    """

    experiments: tuple[Experiment, ...]
    judged: tuple[Judged, ...]
    notes: tuple[str, ...]

    @property
    def runs(self) -> list[Run]:
        """All runs."""
        return [run for one in self.experiments for run in one.runs]

    @property
    def ends(self) -> list[Judged]:
        """Rankings that are compared: not of a step on the way or a run left out."""
        return [
            one
            for one in self.judged
            if one.counts and (one.kind == "test" or one.checkpoint != "other")
        ]

    @property
    def per_query(self) -> pl.LazyFrame:
        """Values of each query at each evaluation, lazily; columns of `VALUES`.

        A step that is both selected and last stands there as both.
        """
        return values.scan(self.judged)

    @property
    def measurements(self) -> pl.LazyFrame:
        """The same of what is compared: base, selected, last, teacher, and others."""
        return values.scan(self.ends)

    @property
    def steps(self) -> pl.LazyFrame:
        """What runs logged, lazily; columns of `STEPS`.

        `step` counts the optimizer steps taken when the value was known.
        """
        frames = [
            logged(run).select(
                pl.lit(one.name).alias("run"),
                pl.lit(run.seed, pl.Int64).alias("seed"),
                "step",
                "key",
                "value",
            )
            for one in self.experiments
            for run in one.runs
        ]
        return pl.concat([pl.LazyFrame(schema=STEPS), *frames])


def load(paths: Sequence[Path | str]) -> Results:
    """Reads what lies at and below folders; values are read when they are asked for.

    Args:
        paths: Folders that `fit`, `evaluate --out` or `specialize` wrote, or folders
            of such.

    Raises:
        ValueError: If a path has neither a run nor an evaluation, or a run's
            evaluations give one system two values.
    """
    folders: dict[Path, set[str]] = {}
    runs: list[Run] = []
    for path in map(Path, paths):
        below = dict(walk(path))
        here = [Run(folder) for folder, files in below.items() if is_run(folder, files)]
        if not here and not find_evaluations(below, []):
            msg = (
                f"{path}: has no run and no evaluation. Give folders with the "
                "run.json, metrics.csv or config.yaml of `fit`, or the metrics.json "
                "of `evaluate --out`."
            )
            raise ValueError(msg)
        known = {folder.resolve() for folder in folders}
        runs += [run for run in here if run.folder.resolve() not in known]
        folders |= {f: files for f, files in below.items() if f.resolve() not in known}
    found, told = experiments([run for run in runs if not run.only_judged])
    apart = of_verbs([run for run in runs if run.only_judged], found)
    apart += find_evaluations(folders, found)
    judged, unread = names.readable([*of_runs(found), *apart])
    judged, collections = names.tell_collections_apart(judged)
    judged, renamed = names.name_bases(judged)
    judged, systems = tell_systems_apart(judged)
    notes = (*told, *unfinished(found), *unread, *collections, *renamed, *systems)
    return Results(tuple(found), tuple(names.once(judged)), notes)

"""Runs that differ in nothing but the seed are one experiment; others stay apart."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dr_lightning.analysis.run import Run

BOTH = "selected = last"
"""The checkpoint that is both, in all runs of an experiment."""
#: Settings that say where and as what a run is logged, and its seeds.
_NO_DIFFERENCE = frozenset(
    {"seed_everything", "seed", "logger", "default_root_dir", "dirpath", "ckpt_path"}
)


@dataclass(frozen=True)
class Experiment:
    """Runs of the same settings and data.

    Args:
        name: Unlike that of every other experiment at hand.
        runs: They have different seeds.
    """

    name: str
    runs: tuple[Run, ...]

    @property
    def compared(self) -> tuple[Run, ...]:
        """Runs that are averaged and tested: the finished ones, all if none is."""
        return tuple(run for run in self.runs if run.is_finished) or self.runs

    def checkpoints(self, run: Run, step: int) -> list[str]:
        """What a run's weights after some steps are; several, none, or one of them.

        Args:
            run: One of the runs.
            step: Optimizer steps taken.
        """
        found = [name for name, end in run.ends.items() if end == step]
        return list(dict.fromkeys(self.checkpoint(run, name) for name in found))

    def checkpoint(self, run: Run, name: str) -> str:
        """The name of a checkpoint; selected and last are one if all runs say so.

        Runs that are not compared, or not evaluated after a step, say nothing.

        Args:
            run: One of the runs; a checkpoint of one that is left out keeps its name.
            name: "base", "selected" or "last".
        """
        if run not in self.compared:
            return name
        ends = [run.ends for run in self.compared if run.ends["last"] is not None]
        is_one = bool(ends) and all(one["selected"] == one["last"] for one in ends)
        return BOTH if is_one and name in {"selected", "last"} else name


def experiments(runs: Sequence[Run]) -> tuple[list[Experiment], list[str]]:
    """Groups runs into experiments.

    Runs of one name are kept apart, and named with their folder, if their settings
    differ in more than seed, logger and folders of paths, if their data differ, or if
    a seed repeats; an unfinished run is kept apart from a finished one of its seed. If
    only one of the groups has a finished run, it keeps the name. Of a run without a
    record the settings alone count.

    Args:
        runs: In any order.

    Returns:
        The experiments in the order of their first runs, and a line on every name that
        stands for several.
    """
    named: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        named[run.experiment].append(run)
    found, notes = [], []
    for name, several in named.items():
        groups = _groups(several)
        if len(groups) == 1:
            found.append(Experiment(name, tuple(groups[0])))
            continue
        ends = folder_names([group[0].folder for group in groups])
        done = [group for group in groups if any(run.is_finished for run in group)]
        # A run that crashed and was started anew does not rename what came of it.
        labels = [
            name if done == [group] else f"{name}/{end}"
            for group, end in zip(groups, ends, strict=True)
        ]
        found += [
            Experiment(label, tuple(group))
            for label, group in zip(labels, groups, strict=True)
        ]
        notes.append(
            f"Runs of the name {name} differ in more than their seeds, or repeat one, "
            f"and are kept apart: {', '.join(labels)}."
        )
    return found, notes


def _groups(runs: Sequence[Run]) -> list[list[Run]]:
    alike: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        alike[_identity(run, runs)].append(run)
    groups = []
    for group in alike.values():
        done = {run.seed for run in group if run.is_finished}
        # It was started anew, and what came of that stands for the seed.
        given_up = [one for one in group if one.seed in done and not one.is_finished]
        group = [run for run in group if run not in given_up]
        seeds = {run.seed for run in group}
        repeats = len(group) > 1 and (len(seeds) < len(group) or None in seeds)
        groups += [[run] for run in group] if repeats else [group]
        groups += [[run] for run in given_up]
    return groups


def unfinished(found: Sequence[Experiment]) -> list[str]:
    """A line on each run that crashed, was killed, or goes on.

    Args:
        found: What `experiments` gave.
    """
    return [
        _unfinished(one, run)
        for one in found
        for run in one.runs
        if not run.is_finished
    ]


def _unfinished(one: Experiment, run: Run) -> str:
    seed = "" if run.seed is None else f", seed {run.seed},"
    last = max((step for step in run.ends.values() if step is not None), default=None)
    came = "" if last is None else f"; last evaluated at step {last:,}"
    if run not in one.compared:
        means = "It is left out of averages and tests, for other seeds are finished."
    elif last is None:
        means = "It has no values to compare."
    else:
        means = "Its values are those of weights on the way."
    return f"{one.name}{seed} is not finished ({run.status}{came}). {means}"


def _identity(run: Run, others: Sequence[Run]) -> tuple[str, str]:
    """Texts that are equal for runs of equal settings and data.

    What a run without a record read is not known: it joins those of its settings, if
    they agree on the data and lack its seed.
    """
    settings = _settings(run)
    if run.record:
        return settings, _data(run)
    alike = [one for one in others if one.record and _settings(one) == settings]
    data = {_data(one) for one in alike}
    joins = len(data) == 1 and run.seed not in {one.seed for one in alike}
    return settings, data.pop() if joins else ""


def _settings(run: Run) -> str:
    # A file's name tells less than its content, but is there without it.
    return json.dumps(dict(flat(run.config)), sort_keys=True, default=str)


def _data(run: Run) -> str:
    return json.dumps(run.fingerprints, sort_keys=True)


def flat(settings: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Settings as dotted keys and values, without seeds and logger.

    Of a path its last part counts, so that a moved folder changes nothing.

    Args:
        settings: Nested mappings and lists.
        above: Key of the whole.

    Example:
        >>> dict(flat({"seed": 1, "data": {"corpus": "/a/c.parquet"}, "steps": [1, 2]}))
        {'data.corpus': 'c.parquet', 'steps.0': 1, 'steps.1': 2}
    """
    if isinstance(settings, dict):
        pairs = [(k, v) for k, v in settings.items() if k not in _NO_DIFFERENCE]
    elif isinstance(settings, list):
        pairs = [(str(number), value) for number, value in enumerate(settings)]
    else:
        is_path = isinstance(settings, str) and "/" in settings
        yield above, Path(settings).name if is_path else settings
        return
    for key, value in pairs:
        yield from flat(value, f"{above}.{key}" if above else str(key))


def folder_names(folders: Sequence[Path]) -> list[str]:
    """The last parts of paths that tell all of them apart, at one level if possible.

    Args:
        folders: Different folders.

    Example:
        >>> folder_names([Path("runs/small/fit"), Path("runs/large/fit")])
        ['small', 'large']
    """
    parts = [folder.resolve().parts for folder in folders]
    for depth in range(1, min(map(len, parts))):
        names = [part[-depth] for part in parts]
        if len(set(names)) == len(names):
            return names
    return [str(folder) for folder in folders]


def differences(found: Sequence[Experiment]) -> dict[str, list[Any]]:
    """Settings in which experiments differ: a key and the value of each.

    Args:
        found: What `experiments` gave; the first run of each counts.
    """
    told = [dict(flat(one.runs[0].config)) for one in found]
    keys = dict.fromkeys(key for settings in told for key in settings)
    values = {key: [settings.get(key, "") for settings in told] for key in keys}
    return {
        key: several
        for key, several in values.items()
        if any(value != several[0] for value in several[1:])
    }

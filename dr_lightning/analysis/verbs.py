"""What `test` and `validate` judged: folders of their own, without training."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from dr_lightning.analysis.bases import bases
from dr_lightning.analysis.experiments import Experiment
from dr_lightning.analysis.judged import Judged, owned, owner_of, part, rankings
from dr_lightning.analysis.run import Run


def of_verbs(runs: Sequence[Run], found: Sequence[Experiment]) -> list[Judged]:
    """Rankings by the checkpoint that the config names; without one, by the base.

    Args:
        runs: Folders in which nothing was trained.
        found: Experiments and their runs, whose checkpoints they may be.
    """
    return [one for run in runs for one in _of_verb(run, found)]


def _of_verb(run: Run, found: Sequence[Experiment]) -> Iterator[Judged]:
    named = run.config.get("ckpt_path")
    path = Path(named) if named else None
    owner = None if path is None else owner_of(path, found)
    for file, stage, step in rankings(run.folder):
        one = Judged(
            file=file,
            collection=file.stem + part(run, file, stage, step),
            kind="test" if stage == "test" else "validation",
            system="base" if path is None else f"{run.experiment} {path.stem}",
            checkpoint="base" if path is None else "other",
            base="base",
            of_run=False,
        )
        if path is not None and owner is not None:
            one = replace(one, system=_end(path, owner[0]), of_run=True)
            one = owned(one, *owner, bases(found))
        yield one


def _end(checkpoint: Path, run: Run) -> str:
    """Whether a checkpoint file is the selected one, the last, or of another step."""
    if checkpoint.stem == "last":
        return "last"
    step = re.search(r"step[-=](\d+)", checkpoint.stem)
    ends = {end: name for name, end in run.ends.items() if name != "base"}
    return ends.get(int(step[1]) if step else None, checkpoint.stem)

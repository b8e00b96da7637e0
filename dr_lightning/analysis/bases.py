"""Names of the encoders from which experiments start: unlike ones stay apart."""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from dr_lightning.analysis.experiments import Experiment, flat
from dr_lightning.analysis.run import section


def bases(found: Sequence[Experiment]) -> dict[str, str]:
    """What is put behind "base" for each experiment, so that unlike bases stay apart.

    Nothing where all experiments start from the same encoder; else the name of its
    backbone, or of the experiment where that tells too little.

    Args:
        found: What `experiments` gave.
    """
    encoders: dict[str, list[Experiment]] = defaultdict(list)
    for one in found:
        settings = section(one.runs[0].config, "model", "encoder")
        if settings:
            encoders[json.dumps(dict(flat(settings)), default=str)].append(one)
    behind = {one.name: "" for one in found}
    if len(encoders) < 2:
        return behind
    names = [_backbone(several[0]) for several in encoders.values()]
    if "" in names or len(set(names)) < len(names):
        names = [f"of {several[0].name}" for several in encoders.values()]
    return behind | {
        one.name: f" {name}"
        for name, several in zip(names, encoders.values(), strict=True)
        for one in several
    }


def _backbone(one: Experiment) -> str:
    encoder = section(one.runs[0].config, "model", "encoder", "init_args")
    name = Path(str(encoder.get("backbone", ""))).name
    return f"({name})" if name else ""

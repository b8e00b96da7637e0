"""What a user writes for `sweep`: a config of `fit`, and the cells that change it."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from dr_lightning.data.collections import Collection
from dr_lightning.metrics.retrieval import parse_measures
from dr_lightning.retrieval import Encoding

Settings = dict[str, Any]
"""What the parser read, as JSON can hold it."""

BASE = "base"
_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*")
_SIDE = r"(\S+)(?: selected| last)?"
_CLAIM = re.compile(rf"{_SIDE} > {_SIDE}(?: [-+] \d*\.?\d+)?(?: on .+)?")


@dataclass(frozen=True)
class Sweep:
    """Train a table of cells with several seeds each, judge them, compare them.

    A cell is the config `fit` with a few options changed. Each cell and seed is one run
    folder, WORK/CELL/seed-SEED. Afterwards the weights that the run selected and its
    last ones search every collection of `tests`; so does the base, once. A report over
    all of them, WORK/report.html, ends it. The same command started again skips what is
    finished, and goes on with a training run where it stopped. Seeds are the outer
    loop: one seed of all cells comes first.

    Args:
        work: The folder of everything that is made.
        fit: A config of `fit`, which all cells share.
        cells: By name, the options that it changes, such as
            `{model.objective: configs/objective/info_nce.yaml}`; as on the command line
            of `fit`.
        options: Further options of `fit`, for all cells; a cell's own come after.
        tests: Collections that no run selects on.
        seeds: Of `fit`, each cell with each. A `data.batching.seed` of the config is
            not used: with it all seeds would be one run.
        bounds: By collection, runs or teacher scores that are judged beside the base,
            each `name=FILE`.
        measures: nDCG@k, R@k, RR@k, AP, P@k, Success@k.
        family: Claims that the report tests together, as `kl > base`, or as
            `synthetic > human - 0.02` with a margin: said before the runs, so that none
            is picked by its result.
        encoding: How the collections are searched: device, precision, tokens at once.
        keep_checkpoints: Whether a run's checkpoints stay after it was judged. With the
            optimizer's state each is three times the model, and a run has two or more;
            models, metrics and runs stay in any case.
    """

    work: Path
    fit: Path
    cells: dict[str, dict[str, Any]]
    options: dict[str, Any] = field(default_factory=dict)
    tests: list[Collection] = field(default_factory=list)
    seeds: list[int] = field(default_factory=lambda: [0])
    bounds: dict[str, list[str]] = field(default_factory=dict)
    measures: list[str] = field(default_factory=lambda: ["nDCG@10", "R@100", "RR@10"])
    family: list[str] = field(default_factory=list)
    encoding: Encoding | None = None
    keep_checkpoints: bool = True


def read(args: Sequence[str]) -> Settings:
    """Parses options and checks what the parser cannot.

    Args:
        args: Options of the command line.

    Raises:
        ValueError: If a name, a seed, a measure or a file is wrong.
    """
    parser = ArgumentParser(
        prog="dr_lightning sweep",
        description=(Sweep.__doc__ or "").split("\n\n    Args:")[0],
    )
    parser.add_argument("--config", action="config", help="A YAML file of options.")
    parser.add_class_arguments(Sweep, as_group=False, sub_configs=True)
    parsed = parser.parse_args(list(args))
    settings: Settings = json.loads(parser.dump(parsed, format="json", skip_none=False))
    settings.pop("config", None)
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    if not settings["cells"]:
        msg = "cells is empty. Name at least one; `plain: {}` is `fit` as it stands."
        raise ValueError(msg)
    tests = [one["name"] for one in settings["tests"]]
    for name in [*settings["cells"], *tests]:
        if name == BASE or not _NAME.fullmatch(name):
            msg = (
                f"a cell or collection is called {name!r}, which becomes a folder: use "
                f"letters, digits, '_', '-', '.' and '+', and another word than {BASE}."
            )
            raise ValueError(msg)
    for what, values in (("seeds", settings["seeds"]), ("tests", tests)):
        if len(set(values)) < len(values) or (what == "seeds" and not values):
            msg = f"{what} must differ and seeds must not be empty, but got {values}."
            raise ValueError(msg)
    _check_bounds(settings["bounds"], tests)
    parse_measures(settings["measures"])
    _check_family(settings)
    for file in (settings["fit"], *_files(settings)):
        if not Path(file).exists():
            msg = f"{file}: no such file. The header of the config tells what makes it."
            raise ValueError(msg)


def _check_bounds(bounds: dict[str, list[str]], tests: list[str]) -> None:
    if unknown := sorted(set(bounds) - set(tests)):
        msg = f"bounds names {unknown}, which tests lacks; it has {tests}."
        raise ValueError(msg)
    for collection, several in bounds.items():
        called = [BASE, *(text.partition("=")[0] for text in several)]
        if len(set(called)) < len(called):
            msg = (
                f"bounds of {collection} must have names that differ from each other "
                f"and from {BASE}, but got {called[1:]}. Write NAME=FILE."
            )
            raise ValueError(msg)


def _check_family(settings: Settings) -> None:
    """Refuses a claim that the report would refuse, hours later."""
    bounds = {text.partition("=")[0] for text in _bounds(settings)}
    known = {*settings["cells"], *bounds, BASE}
    known |= {f"{BASE}-{name}" for name in settings["cells"]}
    for claim in settings["family"]:
        found = _CLAIM.fullmatch(claim)
        if not found:
            msg = (
                f"family has {claim!r}, which is no claim. Write NEW > OLD, or "
                "NEW > OLD on COLLECTION, such as 'kl > base on scifact', or with a "
                "margin, NEW > OLD - 0.02."
            )
            raise ValueError(msg)
        if unknown := [name for name in found.group(1, 2) if name not in known]:
            names = ", ".join([*settings["cells"], *sorted(bounds), BASE])
            msg = (
                f"family has {claim!r}, but no {unknown[0]!r} is here. Take of {names}."
            )
            raise ValueError(msg)


def _bounds(settings: Settings) -> list[str]:
    return [text for several in settings["bounds"].values() for text in several]


def _files(settings: Settings) -> list[str]:
    kinds = ("corpus", "queries", "qrels")
    judged = [one[kind] for one in settings["tests"] for kind in kinds]
    bounds = [text.partition("=")[2] or text for text in _bounds(settings)]
    return judged + bounds

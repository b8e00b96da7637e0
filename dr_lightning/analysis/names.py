"""One name for one thing: what is left out, merged, or told apart before comparing."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from dr_lightning.analysis.experiments import folder_names
from dr_lightning.analysis.judged import Judged
from dr_lightning.analysis.values import scan

#: Two evaluations of one model may differ by the rounding of float32.
ROUNDING = 1e-6


def readable(judged: Sequence[Judged]) -> tuple[list[Judged], list[str]]:
    """Leaves out what cannot be read, such as a file that was being written.

    Args:
        judged: Any.

    Returns:
        The others, and a line on each that is left out.
    """
    kept, notes = [], []
    for one in judged:
        try:
            pl.scan_parquet(one.values).collect_schema()
        except (OSError, pl.exceptions.PolarsError):
            notes.append(f"{one.values}: missing or half-written; left out.")
        else:
            kept.append(one)
    return kept, list(dict.fromkeys(notes))


def tell_collections_apart(
    judged: Sequence[Judged],
) -> tuple[list[Judged], list[str]]:
    """Gives collections of one name but of other data names of their own.

    Args:
        judged: Any.

    Returns:
        The same with such names, and a line on every name that stood for several.
    """
    print_of = {one.file: one.fingerprint for one in judged}
    prints: dict[str, dict[str, None]] = defaultdict(dict)
    for one in judged:
        prints[one.collection][print_of[one.file]] = None
    several = {name: len(found) for name, found in prints.items() if len(found) > 1}
    notes = [
        f"{number} collections of different data are called {name}; they are told "
        "apart by the fingerprint of their qrels."
        for name, number in several.items()
    ]
    named = [
        replace(one, collection=f"{one.collection} ({print_of[one.file][:6] or '?'})")
        if one.collection in several
        else one
        for one in judged
    ]
    return named, notes


def tell_systems_apart(judged: Sequence[Judged]) -> tuple[list[Judged], list[str]]:
    """Names systems of `evaluate` by their folders too, where one name has two values.

    Args:
        judged: Any.

    Returns:
        The same with such names, and a line on every name that stood for several.
    """
    renamed: dict[tuple[Path, str], str] = {}
    notes = []
    for several in _alike(judged).values():
        loose = [one for one in several if not one.of_run]
        if len(loose) < 2 or not any(unequal(loose[0], other) for other in loose[1:]):
            continue
        folders = [one.file.parent for one in loose]
        names = [f"{loose[0].system} of {end}" for end in folder_names(folders)]
        keys = [(folder, loose[0].system) for folder in folders]
        renamed |= dict(zip(keys, names, strict=True))
        notes.append(
            f"{loose[0].system} has other values on {loose[0].collection} in each of "
            f"{len(names)} folders, and is told apart: {', '.join(names)}."
        )
    told = [
        replace(
            one,
            system=renamed.get((one.file.parent, one.system), one.system),
            base=renamed.get((one.file.parent, one.base), one.base),
        )
        for one in judged
    ]
    return told, notes


def once(judged: Sequence[Judged]) -> list[Judged]:
    """Each ranking once: equal values are one.

    Where a system is the base of one evaluation and compared in another one, it stays
    compared.

    Args:
        judged: Any.

    Raises:
        ValueError: If one name has unequal values; names both files.
    """
    alike = _alike(judged)
    for first, *others in alike.values():
        for other in others:
            if queries := unequal(first, other):
                msg = (
                    f"{first.values} and {other.values} both are {first.name} on "
                    f"{first.collection}, but differ in {queries} queries. Name the "
                    "systems differently in `evaluate`, or give one of the folders."
                )
                raise ValueError(msg)
    return [
        min(several, key=lambda one: one.base == one.system)
        for several in alike.values()
    ]


def _alike(judged: Sequence[Judged]) -> dict[tuple[object, ...], list[Judged]]:
    """By name, whether it is a base or not: one system may be both."""
    alike: dict[tuple[object, ...], list[Judged]] = defaultdict(list)
    for one in judged:
        key = (one.collection, one.name, one.step, one.seed)
        alike[key].append(one)
    return alike


def unequal(one: Judged, other: Judged) -> int:
    """In how many queries two rankings differ on measures that both have.

    Args:
        one: A ranking.
        other: Another one.
    """
    if one.values.resolve() == other.values.resolve():
        return 0
    values = [scan([x]).select("query_id", "measure", "value") for x in (one, other)]
    shared = values[0].join(values[1], on=["query_id", "measure"])
    differs = (pl.col("value") - pl.col("value_right")).abs() > ROUNDING
    return shared.filter(differs).select("query_id").unique().collect().height

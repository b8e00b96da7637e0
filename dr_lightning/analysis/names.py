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
    """Names systems by their folders too, where one name has unequal values.

    Bases and teachers are compared wherever they were judged, in the loop of a run or
    by `evaluate`, for no seed and no step tells them apart. Of what was trained by a
    run nothing is renamed.

    Args:
        judged: Any.

    Returns:
        The same with such names, each compared with the base of its own folder; and a
        line on every name that stood for several.
    """
    alike: dict[tuple[str, str], list[Judged]] = defaultdict(list)
    for one in filter(_is_of_one_kind, judged):
        alike[one.collection, one.system].append(one)
    renamed: dict[tuple[str, str], dict[Path, str]] = {}
    notes = []
    for (collection, system), several in alike.items():
        sets = _equal_sets(several)
        if len(sets) == 1:
            continue
        folders = [[_folder(one) for one in equal] for equal in sets]
        ends = folder_names([own[0] for own in folders])
        names = [f"{system} of {end}" for end in ends]
        renamed[collection, system] = {
            folder.resolve(): name
            for name, own in zip(names, folders, strict=True)
            for folder in own
        }
        told = [f"{n} ({_listed(f)})" for n, f in zip(names, folders, strict=True)]
        notes.append(
            f"{system} has {len(sets)} sets of unequal values on {collection}, and is "
            f"told apart: {', '.join(told)}. Other systems are compared with that of "
            "their own folder, and with none if their seeds have several."
        )

    def name(one: Judged, system: str) -> str:
        """By the innermost folder; empty where no folder tells which one it is."""
        names = renamed.get((one.collection, system))
        if names is None:
            return system
        parents = one.file.resolve().parents
        return next((names[folder] for folder in parents if folder in names), "")

    return [
        replace(
            one,
            system=name(one, one.system) if _is_of_one_kind(one) else one.system,
            base=name(one, one.base),
        )
        for one in judged
    ], notes


def _is_of_one_kind(one: Judged) -> bool:
    """Whether its values are the same in all places if it is the same system."""
    return one.checkpoint in {"base", "teacher"} or not one.of_run


def _equal_sets(judged: Sequence[Judged]) -> list[list[Judged]]:
    found: list[list[Judged]] = []
    for one in judged:
        equal = next((own for own in found if not unequal(own[0], one)), None)
        if equal is None:
            found.append([one])
        else:
            equal.append(one)
    return found


def _folder(one: Judged) -> Path:
    """Of the run, else of the evaluation; `evaluate` knows no steps of these."""
    return one.file.parent if one.step is None else one.file.parents[2]


def _listed(folders: Sequence[Path]) -> str:
    more = len(folders) - 1
    return f"{folders[0]} and {more} more" if more else str(folders[0])


def once(judged: Sequence[Judged]) -> list[Judged]:
    """Each ranking once: equal values are one.

    Where a system is the base of one evaluation and compared in another one, it stays
    compared.

    Args:
        judged: Any.

    Raises:
        ValueError: If a run has unequal values of one checkpoint; names both files.
    """
    alike = _alike(judged)
    for first, *others in alike.values():
        for other in others:
            if queries := unequal(first, other):
                msg = (
                    f"{first.values} and {other.values} both are {first.name} on "
                    f"{first.collection}, but differ in {queries} queries. Give the "
                    "folder of one of them, or move the other out of the run's."
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

"""One name for one thing: what is left out, merged, or told apart by its data."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from dr_lightning.analysis.judged import Judged
from dr_lightning.analysis.unequal import unequal


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

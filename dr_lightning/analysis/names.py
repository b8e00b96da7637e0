"""One name for one thing: what is left out, merged, or told apart by its data."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from dr_lightning.analysis.judged import Judged, columns
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
        if columns(one.values):
            kept.append(one)
        else:
            notes.append(f"{one.values}: missing or half-written; left out.")
    return kept, list(dict.fromkeys(notes))


def unranked(judged: Sequence[Judged]) -> list[str]:
    """A line on values whose rankings cannot be read, if there are such.

    Args:
        judged: Any.
    """
    gone = list(dict.fromkeys(one.file for one in judged if not one.is_ranked))
    if not gone:
        return []
    more = f" and {len(gone) - 1:,} more" if len(gone) > 1 else ""
    told = (
        f"{gone[0]}{more}: missing or half-written. The values count; passages and "
        "agreement with a teacher are left out."
    )
    return [told]


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
    compared; of equal ones, one whose ranking can be read stays.

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
        several[0]
        if len(several) == 1
        else min(several, key=lambda one: (one.base == one.system, not one.is_ranked))
        for several in alike.values()
    ]


def _alike(judged: Sequence[Judged]) -> dict[tuple[object, ...], list[Judged]]:
    """By name, whether it is a base or not: one system may be both."""
    alike: dict[tuple[object, ...], list[Judged]] = defaultdict(list)
    for one in judged:
        key = (one.collection, one.name, one.step, one.seed)
        alike[key].append(one)
    return alike

"""One name for one thing: what is left out, merged, or told apart by its data."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from dr_lightning.analysis.judged import Judged, columns
from dr_lightning.analysis.unequal import equal, unequal


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


def name_bases(judged: Sequence[Judged]) -> tuple[list[Judged], list[str]]:
    """Gives bases of runs the names under which `evaluate` judged them apart.

    Where runs start from unlike encoders, their bases are named after these. A sweep
    judges each base in a folder of its own too, as `base` or `base-CELL`: under two
    names it would be listed twice, and tested twice in a family.

    Args:
        judged: Any.

    Returns:
        The same with such names, where values say that it is the same base; and a line
        on what is renamed.
    """
    apart, own = (_bases(judged, of_run) for of_run in (False, True))
    names: dict[str, str] = {}
    for name, several in own.items():
        alike = [other for other, theirs in apart.items() if _is_one(several, theirs)]
        if name == "base" or not alike:
            continue
        # Encoders that differ in a setting without effect have equal values.
        called = {f"base-{one.system}" for one in judged if one.base == name}
        names[name] = next((other for other in alike if other in called), alike[0])
    told = ", ".join(f"{name} by {new}" for name, new in names.items())
    return [
        replace(
            one,
            system=names.get(one.system, one.system)
            if one.checkpoint == "base"
            else one.system,
            base=names.get(one.base, one.base),
        )
        for one in judged
    ], [f"Bases go by the names that `evaluate` gave them: {told}."] if told else []


def _bases(judged: Sequence[Judged], of_run: bool) -> dict[str, list[Judged]]:
    found: dict[str, list[Judged]] = defaultdict(list)
    for one in judged:
        if one.checkpoint == "base" and one.of_run == of_run:
            found[one.system].append(one)
    return found


def _is_one(several: Sequence[Judged], others: Sequence[Judged]) -> bool:
    """Whether values are equal wherever two bases were both judged."""
    pairs = [
        (one, other)
        for one in several
        for other in others
        if one.collection == other.collection
    ]
    return bool(pairs) and all(equal(*pair) for pair in pairs)


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

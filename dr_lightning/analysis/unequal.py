"""Systems of one name with unequal values, told apart by their folders."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from dr_lightning.analysis.experiments import folder_names
from dr_lightning.analysis.judged import Judged
from dr_lightning.analysis.values import scan

#: Two evaluations of one model may differ by the rounding of float32.
ROUNDING = 1e-6


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
    sets = {key: _equal_sets(several) for key, several in alike.items()}
    folders = {
        key: _named(key[1], several)
        for key, several in sets.items()
        if len(several) > 1
    }
    renamed = {
        key: {folder.resolve(): name for name, own in named.items() for folder in own}
        for key, named in folders.items()
    }
    return [
        replace(
            one,
            system=_own(one.system, one, renamed if _is_of_one_kind(one) else {}),
            base=_own(one.base, one, renamed),
        )
        for one in judged
    ], [_note(*key, named) for key, named in folders.items()]


def _is_of_one_kind(one: Judged) -> bool:
    """Whether its values are the same in all places if it is the same system."""
    return one.checkpoint in {"base", "teacher"} or not one.of_run


def _own(
    system: str, one: Judged, renamed: Mapping[tuple[str, str], Mapping[Path, str]]
) -> str:
    """By the innermost folder; empty where no folder tells which one it is."""
    names = renamed.get((one.collection, system))
    if names is None:
        return system
    parents = one.file.resolve().parents
    return next((names[folder] for folder in parents if folder in names), "")


def _equal_sets(judged: Sequence[Judged]) -> list[list[Judged]]:
    found: list[list[Judged]] = []
    for one in judged:
        equal = next((own for own in found if not unequal(own[0], one)), None)
        if equal is None:
            found.append([one])
        else:
            equal.append(one)
    return found


def _named(system: str, sets: Sequence[list[Judged]]) -> dict[str, list[Path]]:
    """A name for each set, with its folders."""
    folders = [[_folder(one) for one in equal] for equal in sets]
    ends = folder_names([own[0] for own in folders])
    names = [f"{system} of {end}" for end in ends]
    return dict(zip(names, folders, strict=True))


def _folder(one: Judged) -> Path:
    """Of the run, else of the evaluation; `evaluate` knows no steps of these."""
    return one.file.parent if one.step is None else one.file.parents[2]


def _note(collection: str, system: str, named: Mapping[str, list[Path]]) -> str:
    told = []
    for name, (first, *more) in named.items():
        others = f" and {len(more)} more" if more else ""
        told.append(f"{name} ({first}{others})")
    return (
        f"{system} has {len(named)} sets of unequal values on {collection}, and is "
        f"told apart: {', '.join(told)}. Other systems are compared with that of their "
        "own folder, and with none if their seeds have several."
    )


def unequal(one: Judged, other: Judged) -> int:
    """In how many queries two rankings differ on measures that both have.

    Args:
        one: A ranking.
        other: Another one.
    """
    if one.values.resolve() == other.values.resolve():
        return 0
    compared = _compared(one, other).filter("differs")
    return compared.select("query_id").unique().collect().height


def equal(one: Judged, other: Judged) -> bool:
    """Whether two rankings have values in common and differ in none of them.

    Args:
        one: A ranking.
        other: Another one.
    """
    differs = _compared(one, other).collect()["differs"]
    return len(differs) > 0 and not differs.any()


def _compared(one: Judged, other: Judged) -> pl.LazyFrame:
    """query_id, and whether it differs, a row for each measure that both have."""
    values = [scan([x]).select("query_id", "measure", "value") for x in (one, other)]
    shared = values[0].join(values[1], on=["query_id", "measure"])
    differs = (pl.col("value") - pl.col("value_right")).abs() > ROUNDING
    return shared.select("query_id", differs=differs)

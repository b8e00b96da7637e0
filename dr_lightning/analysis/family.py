"""Claims that are tested together: named beforehand, with p values adjusted by Holm."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from dr_lightning.analysis.experiments import BOTH
from dr_lightning.analysis.scores import POOLED, Scores
from dr_lightning.analysis.significance import (
    Difference,
    describe,
    holm,
    randomisation,
    t_test,
)


@dataclass(frozen=True)
class Claim:
    """That one system is better than another on a collection; tested two-sided.

    Args:
        new: A system.
        base: The other.
        collection: A collection, or `POOLED`.
    """

    new: str
    base: str
    collection: str

    def __str__(self) -> str:
        return f"{self.new} > {self.base} on {self.collection}"


@dataclass(frozen=True)
class Tested:
    """A claim with its tests.

    Args:
        claim: The claim.
        difference: new - base on the first measure.
        p: Of the randomisation test.
        holm: The same, adjusted for the family.
        t: p of the t test, unadjusted, to compare with `p`.
    """

    claim: Claim
    difference: Difference
    p: float
    holm: float
    t: float


def assess(scores: Scores, family: Sequence[str]) -> list[Tested]:
    """Tests each claim of a family.

    Args:
        scores: What `scores` gave.
        family: Texts as "kl > base" or "kl > base on scifact". A name without a
            checkpoint is that of the selected one, "base" the base of the other side.
            Without a collection the claim is about the test collection, or the mean
            over all of them.

    Raises:
        ValueError: If a text is no claim, stands there twice, names what is not there,
            or the systems share fewer than 2 queries.
    """
    claims = [_read(text, scores) for text in family]
    for number, claim in enumerate(claims):
        if claim in claims[:number]:
            msg = f"family has {claim} twice; each claim counts once. Remove one."
            raise ValueError(msg)
    pairs = []
    for claim in claims:
        pairs.append(scores.differences(claim.base, claim.new, claim.collection))
        if min(map(len, pairs[-1]), default=0) < 2:
            msg = (
                f"{claim}: the two share fewer than 2 judged queries there. Judge both "
                "on one collection with `evaluate`, or remove the claim."
            )
            raise ValueError(msg)
    p = [randomisation(one) for one in pairs]
    return [
        Tested(claim, describe(one), own, adjusted, t_test(one))
        for claim, one, own, adjusted in zip(claims, pairs, p, holm(p), strict=True)
    ]


def _read(text: str, scores: Scores) -> Claim:
    new, base, collection = _parts(text, scores)
    new = _system(new, scores, text)
    own = _base(new, collection, scores, text) if base == "base" else base
    base = _system(own, scores, text)
    if new == base:
        msg = f"family has {text!r}: both sides are {new}. Name two systems."
        raise ValueError(msg)
    return Claim(new, base, _collection(collection, new, base, scores, text))


def _parts(text: str, scores: Scores) -> tuple[str, str, str]:
    """New system, old one, and collection; names that are there may hold > and on."""
    readings = list(_readings(text))
    places = {"", POOLED, *scores.collections}
    for new, base, collection in readings:
        known = base == "base" or _found(base, scores)
        if known and _found(new, scores) and collection in places:
            return new, base, collection
    if text.count(">") != 1:
        msg = (
            f"family has {text!r}, which is no claim. Write NEW > OLD, or NEW > OLD on "
            "COLLECTION, such as 'kl > base on scifact', with names of these: "
            f"{', '.join(scores.names)}."
        )
        raise ValueError(msg)
    # Of a name that is not there the message tells what there is.
    return readings[-1]


def _readings(text: str) -> Iterator[tuple[str, str, str]]:
    """Each way to part a text, those with the longest second name first."""
    for sign in (place for place, letter in enumerate(text) if letter == ">"):
        words = text[sign + 1 :].split(" on ")
        for end in range(len(words), 0, -1):
            base, collection = (" on ".join(w) for w in (words[:end], words[end:]))
            yield text[:sign].strip(), base.strip(), collection.strip()


def _base(new: str, collection: str, scores: Scores, text: str) -> str:
    """Of the collection; where none is named of the tests, else of what is there."""
    own = {place: base for (name, place), base in scores.bases.items() if name == new}
    where = [collection] if collection in own else scores.tests or list(own)
    found = dict.fromkeys(own[place] for place in where if place in own)
    if len(found) == 1:
        return next(iter(found))
    msg = (
        f"family has {text!r}, but {new} has {' and '.join(found) or 'no one base'} "
        f"on {', '.join(where)}. Name the base, or a collection; there are "
        f"{', '.join(scores.names)}."
    )
    raise ValueError(msg)


def _system(name: str, scores: Scores, text: str) -> str:
    found = _found(name, scores)
    if found is None:
        msg = (
            f"family has {text!r}, but there is no system {name!r}. There are "
            f"{', '.join(scores.names)}."
        )
        raise ValueError(msg)
    return found


def _found(name: str, scores: Scores) -> str | None:
    """The system of a name that may lack its checkpoint."""
    ends = ["", " selected", f" {BOTH}", " last"]
    stem = name.removesuffix(" selected").removesuffix(" last")
    names = [*(name + end for end in ends), f"{stem} {BOTH}"]
    return next((one for one in names if one in scores.names), None)


def _collection(name: str, new: str, base: str, scores: Scores, text: str) -> str:
    rows = scores.table.filter(pl.col("name").is_in([new, base]))
    both = rows.group_by("collection", maintain_order=True).agg(
        pl.col("name").n_unique()
    )
    shared = both.filter(pl.col("name") == 2)["collection"].to_list()
    if name and name != POOLED:
        chosen = [name] if name in shared else []
    elif scores.tests or name:
        chosen = scores.tests if set(scores.tests) <= set(shared) else []
    else:
        chosen = shared
    if len(chosen) == 1:
        return chosen[0]
    if len(chosen) > 1 and chosen == scores.tests:
        return POOLED
    msg = (
        f"family has {text!r}: say on which collection. Both are judged on "
        f"{', '.join(shared) or 'none'}."
    )
    raise ValueError(msg)

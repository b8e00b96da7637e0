"""Claims that are tested together: named beforehand, with p values adjusted by Holm."""

import re
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

LEVEL = 0.05
"""Of the tests: the highest adjusted p at which something is told apart."""
_OFFSET = re.compile(r"(.*\S)\s+([-+])\s+(\d*\.?\d+)")


@dataclass(frozen=True)
class Claim:
    """That new - base lies above an offset on a collection; tested two-sided.

    Args:
        new: A system.
        base: The other.
        collection: A collection, or `POOLED`.
        offset: 0 = new is better; -0.02 = new is not inferior by the margin 0.02.
    """

    new: str
    base: str
    collection: str
    offset: float = 0.0

    def __str__(self) -> str:
        sign = "-" if self.offset < 0 else "+"
        than = f" {sign} {abs(self.offset):g}" if self.offset else ""
        return f"{self.new} > {self.base}{than} on {self.collection}"


@dataclass(frozen=True)
class Tested:
    """A claim with its tests.

    Args:
        claim: The claim.
        difference: new - base on the first measure.
        p: Of the randomisation test of new - base - offset.
        holm: The same, adjusted for the family.
        t: p of the t test, unadjusted, to compare with `p`.
        judged: Judged queries there; the difference may be over fewer.
    """

    claim: Claim
    difference: Difference
    p: float
    holm: float
    t: float
    judged: int

    @property
    def verdict(self) -> str:
        """`holds`, `false` (told apart, on the other side), or `open`."""
        if self.holm > LEVEL:
            return "open"
        return "holds" if self.difference.mean > self.claim.offset else "false"


def assess(scores: Scores, family: Sequence[str]) -> list[Tested]:
    """Tests each claim of a family.

    Args:
        scores: What `scores` gave.
        family: Texts as "kl > base", "kl > base on scifact" or, of a margin,
            "synthetic > human - 0.02 on scifact". A name without a
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
    tested = [
        [part - claim.offset for part in one]
        for claim, one in zip(claims, pairs, strict=True)
    ]
    p = [randomisation(one) for one in tested]
    t = [t_test(one) for one in tested]
    described = map(describe, pairs)
    judged = [scores.judged(claim.collection) for claim in claims]
    return list(map(Tested, claims, described, p, holm(p), t, judged))


def _read(text: str, scores: Scores) -> Claim:
    new, base, offset, collection = _parts(text, scores)
    new = _system(new, scores, text)
    own = _base(new, collection, scores, text) if base == "base" else base
    base = _system(own, scores, text)
    if new == base:
        msg = f"family has {text!r}: both sides are {new}. Name two systems."
        raise ValueError(msg)
    where = _collection(collection, new, base, scores, text)
    return Claim(new, base, where, offset)


def _parts(text: str, scores: Scores) -> tuple[str, str, float, str]:
    """New system, old one, offset, collection; names may hold these signs too."""
    readings = list(_readings(text))
    places = {"", POOLED, *scores.collections}
    for reading in readings:
        new, base, _, collection = reading
        known = base == "base" or _found(base, scores)
        if known and _found(new, scores) and collection in places:
            return reading
    if text.count(">") != 1:
        msg = (
            f"family has {text!r}, which is no claim. Write NEW > OLD, NEW > OLD on "
            "COLLECTION, such as 'kl > base on scifact', or NEW > OLD - 0.02 for a "
            f"margin, with names of these: {', '.join(scores.names)}."
        )
        raise ValueError(msg)
    # Of a name that is not there the message tells what there is.
    return readings[-1]


def _readings(text: str) -> Iterator[tuple[str, str, float, str]]:
    """Each way to part a text, those with the longest second name first."""
    for sign in (place for place, letter in enumerate(text) if letter == ">"):
        words = text[sign + 1 :].split(" on ")
        for end in range(len(words), 0, -1):
            base, collection = (
                " on ".join(some).strip() for some in (words[:end], words[end:])
            )
            new = text[:sign].strip()
            yield new, base, 0.0, collection
            if found := _OFFSET.fullmatch(base):
                stem, plus, size = found.groups()
                yield new, stem, float(plus + size), collection


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

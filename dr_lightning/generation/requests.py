"""Which queries are written for a corpus."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

ID_DIGITS = 16
"""Of a query id: a million queries of a type have two alike once in 10**7 times."""


@dataclass(frozen=True)
class Amounts:
    """How many queries, for which passages and types; all drawn by hash.

    So a larger number keeps what a smaller one drew, whatever the order of the corpus.

    Args:
        passages: Passages to write for; null = all.
        types_per_passage: Types drawn for each passage; null = all.
        per_type: Queries a passage and type.
        queries: Queries in all, at most; every passage gets one before any gets a
            second. Null = no bound.
        seed: Of all draws.

    Raises:
        ValueError: If a number is below 1.
    """

    passages: int | None = None
    types_per_passage: int | None = None
    per_type: int = 1
    queries: int | None = None
    seed: int = 13

    def __post_init__(self) -> None:
        """Checks the numbers."""
        for name in ("passages", "types_per_passage", "per_type", "queries"):
            value = getattr(self, name)
            if value is not None and value < 1:
                null = "" if name == "per_type" else ", or null for all"
                msg = f"{name} must be at least 1{null}, but got {value}."
                raise ValueError(msg)


def draw(*parts: str | int) -> int:
    """A number from 0 to 2**63 - 1 that follows from its arguments alone.

    Args:
        parts: What it depends on, such as seed, passage id and query type.

    Example:
        >>> draw(13, "p", "title") == draw(13, "p", "title") != draw(13, "pt", "itle")
        True
    """
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def plan(
    passage_ids: Sequence[str], types: Sequence[str], amounts: Amounts
) -> pl.DataFrame:
    """The queries to write: query_id, query_type, passage_id, number (from 0).

    All of a type stand together, since their prompts begin alike; within a type the
    passages are in the order of the corpus.

    Args:
        passage_ids: The corpus.
        types: Names of the query types.
        amounts: How many.

    Raises:
        ValueError: If two queries get one id.

    Example:
        >>> plan(["p1", "p2"], ["title"], Amounts())["passage_id"].to_list()
        ['p1', 'p2']
    """
    chosen = _chosen(passage_ids, amounts)
    wanted = {passage: _types(passage, types, amounts) for passage in chosen}
    rows = [
        (query_id(passage, name, number), name, passage, number)
        for name in types
        for passage in chosen
        if name in wanted[passage]
        for number in range(amounts.per_type)
    ]
    rows = _bounded(rows, amounts)
    columns = ["query_id", "query_type", "passage_id", "number"]
    schema = dict.fromkeys(columns, pl.String()) | {"number": pl.Int64()}
    frame = pl.DataFrame(rows, schema, orient="row")
    check_unique(frame["query_id"])
    return frame


def _bounded(
    rows: list[tuple[str, str, str, int]], amounts: Amounts
) -> list[tuple[str, str, str, int]]:
    """The first query of each passage, then the second of each, up to the bound."""
    if amounts.queries is None or amounts.queries >= len(rows):
        return rows
    seed = amounts.seed
    # Types of a passage in an order of its own, so that each has its share.
    turns = sorted(rows, key=lambda row: (row[3], draw(seed, "type", row[2], row[1])))
    counts: Counter[str] = Counter()
    keys = {}
    for row in turns:
        passage = row[2]
        keys[row] = (counts[passage], draw(seed, "passage", passage))
        counts[passage] += 1
    kept = set(sorted(rows, key=keys.__getitem__)[: amounts.queries])
    return [row for row in rows if row in kept]


def query_id(
    passage_id: str, query_type: str, number: int, digits: int = ID_DIGITS
) -> str:
    """A query's id: it tells the type and hides the passage's id.

    Args:
        passage_id: Whose query.
        query_type: Of which type.
        number: Which of several, from 0.
        digits: Hexadecimal digits of the hash.

    Example:
        >>> query_id("p1", "title", 0, digits=4)
        'title-16c1'
    """
    key = json.dumps([passage_id, query_type, number]).encode()
    return f"{query_type}-{hashlib.sha256(key).hexdigest()[:digits]}"


def check_unique(query_ids: pl.Series) -> None:
    """Refuses two queries with one id, which a hash can give.

    Args:
        query_ids: Of all queries.

    Raises:
        ValueError: If one occurs twice.
    """
    twice = query_ids.filter(query_ids.is_duplicated())
    if len(twice):
        msg = (
            f"two queries got the id {twice[0]!r}, by chance or since a passage id "
            f"occurs twice. Mend the corpus, or leave one of the two passages out."
        )
        raise ValueError(msg)


def _chosen(passage_ids: Sequence[str], amounts: Amounts) -> Sequence[str]:
    if amounts.passages is None or amounts.passages >= len(passage_ids):
        return passage_ids
    keys = {passage: draw(amounts.seed, "passage", passage) for passage in passage_ids}
    kept = set(sorted(passage_ids, key=keys.__getitem__)[: amounts.passages])
    return [passage for passage in passage_ids if passage in kept]


def _types(passage_id: str, types: Sequence[str], amounts: Amounts) -> Sequence[str]:
    if amounts.types_per_passage is None or amounts.types_per_passage >= len(types):
        return types
    keys = {name: draw(amounts.seed, "type", passage_id, name) for name in types}
    return sorted(types, key=keys.__getitem__)[: amounts.types_per_passage]

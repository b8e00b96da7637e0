"""Which queries are written for a corpus, and the prompt of each."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from dr_lightning.generation.engine import Request
from dr_lightning.generation.query_type import QueryType

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
        seed: Of all draws.

    Raises:
        ValueError: If a number is below 1.
    """

    passages: int | None = None
    types_per_passage: int | None = None
    per_type: int = 1
    seed: int = 13

    def __post_init__(self) -> None:
        """Checks the numbers."""
        for name in ("passages", "types_per_passage", "per_type"):
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
    columns = ["query_id", "query_type", "passage_id", "number"]
    schema = dict.fromkeys(columns, pl.String()) | {"number": pl.Int64()}
    frame = pl.DataFrame(rows, schema, orient="row")
    check_unique(frame["query_id"])
    return frame


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


@dataclass(frozen=True)
class Prompts:
    """Makes requests; each follows from seed, passage, query type and number alone.

    Args:
        types: Query types by name; empty for an engine that takes no chat.
        seed: Of examples and sampling.
        example_sets: Null = each prompt draws its own examples. N = it draws one of N
            sets a type, so that many prompts begin alike and are computed once.

    Raises:
        ValueError: If `example_sets` is below 1.
    """

    types: Mapping[str, QueryType]
    seed: int
    example_sets: int | None = None

    def __post_init__(self) -> None:
        """Checks the number of sets."""
        if self.example_sets is not None and self.example_sets < 1:
            msg = (
                f"example_sets must be at least 1, or null for examples of each "
                f"prompt's own, but got {self.example_sets}."
            )
            raise ValueError(msg)

    def label(self, query_type: str) -> str:
        """What a model may put ahead of a query of a type; may be empty."""
        told = self.types.get(query_type)
        return "" if told is None else told.label

    def fingerprint(self, query_type: str) -> str | None:
        """Changes with what a model is told for a type; None if it is told nothing."""
        told = self.types.get(query_type)
        return None if told is None else told.fingerprint

    def request(
        self, passage_id: str, title: str, passage: str, query_type: str, number: int
    ) -> Request:
        """One request.

        Args:
            passage_id: Whose query.
            title: The passage's title.
            passage: The passage's text.
            query_type: Of which type.
            number: Which of several, from 0.
        """
        own = (passage_id, query_type, number)
        sampling = draw(self.seed, "sampling", *own)
        if query_type not in self.types:
            return Request(query_type, title, passage, sampling)
        told = self.types[query_type]
        chat = told.chat(self._drawn(told, own))
        return Request(query_type, title, passage, sampling, chat, told.instruction)

    def _drawn(self, told: QueryType, own: tuple[str | int, ...]) -> tuple[int, ...]:
        """Which examples: those of the lowest hashes, the same in every release."""
        if self.example_sets is not None:
            own = (told.name, draw(self.seed, "set", *own) % self.example_sets)
        places = range(len(told.examples))
        order = sorted(places, key=lambda place: draw(self.seed, "shot", *own, place))
        return tuple(order[: told.shots])

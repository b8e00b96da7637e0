"""The prompt of each query; it follows from seed, passage and query type alone."""

from collections.abc import Mapping
from dataclasses import dataclass

from dr_lightning.generation.engine import Engine, Request
from dr_lightning.generation.query_type import QueryType, load_query_types
from dr_lightning.generation.requests import draw


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


def make_prompts(
    engine: Engine,
    types: list[str] | None,
    shots: int | None,
    seed: int,
    example_sets: int | None,
) -> tuple[list[str], Prompts]:
    """Names of the query types, and what makes their prompts.

    Args:
        engine: Which names the types that it writes.
        types: Those that are wanted; null = all of the engine's.
        shots: Examples a prompt; null = as each type says.
        seed: Of examples and sampling.
        example_sets: See `Prompts`.

    Raises:
        ValueError: If there is no type, or one is unknown or named twice.
    """
    wanted = list(engine.query_types if types is None else types)
    if not wanted:
        msg = "there is no query type to write. Give types, such as [question, title]."
        raise ValueError(msg)
    if engine.takes_chat:
        loaded = load_query_types(wanted, shots)
        return list(loaded), Prompts(loaded, seed, example_sets)
    for name in wanted:
        if name not in engine.query_types or wanted.count(name) > 1:
            msg = (
                f"types: {name!r} is not known to {type(engine).__name__}, or named "
                f"twice. It writes {', '.join(engine.query_types)}."
            )
            raise ValueError(msg)
    return wanted, Prompts({}, seed, example_sets)

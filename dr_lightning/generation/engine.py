"""What the `generate` stage asks of an engine; plug in your own by class path."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypedDict

import polars as pl

PASSAGE_FIELD = "{passage}"
"""Stands for the passage in the last message of a request."""


class Message(TypedDict):
    """One turn of a chat."""

    role: str
    content: str


@dataclass(frozen=True)
class Request:
    """One query that shall be written for one passage.

    All of it is a function of (seed, passage id, query type, number): the order of
    requests, shards and restarts change nothing.

    Args:
        query_type: Its name.
        title: The passage's title, which may be empty.
        passage: The passage's text, as the template of the stage gives it.
        seed: For whatever the engine draws, 0 to 2**63 - 1.
        shots: System prompt and examples: what stands ahead of the passage. Equal for
            many requests, so an engine may compute it once. Empty for an engine that
            takes no chat.
        ask: The last message, with `{passage}` where the passage goes.
    """

    query_type: str
    title: str
    passage: str
    seed: int
    shots: tuple[Message, ...] = ()
    ask: str = PASSAGE_FIELD

    def messages(self, passage: str | None = None) -> list[Message]:
        """The whole chat, ready for a chat template with its generation prompt.

        Args:
            passage: In place of the passage, such as its beginning; null = all of it.

        Example:
            >>> Request("title", "", "Bread rises.", seed=0).messages()
            [{'role': 'user', 'content': 'Bread rises.'}]
        """
        text = self.passage if passage is None else passage
        content = self.ask.replace(PASSAGE_FIELD, text)
        return [*self.shots, Message(role="user", content=content)]


class Answer(NamedTuple):
    """What an engine gave for one request.

    Attributes:
        text: As the engine gave it; the stage cleans it and may drop it.
        complete: False if the token limit cut it.
        fault: Why there is no answer, such as "refused by the endpoint"; null = there
            is one. Queries without an answer are dropped and counted by this text.
        prompt_tokens: Tokens that the engine read.
        tokens: Tokens that it wrote.
        removed: The part of the passage that the query is made of and that has to be
            taken out of the passage before training (inverse cloze); null = none.
    """

    text: str
    complete: bool = True
    fault: str | None = None
    prompt_tokens: int = 0
    tokens: int = 0
    removed: str | None = None


Report = Callable[[int, Answer], None]
"""Hears an answer as soon as it is there, and the row of its request."""


def unheard(row: int, answer: Answer) -> None:
    """A `Report` that does nothing."""


class Engine(Protocol):
    """Writes queries for passages: a language model, or a rule.

    An engine of your own may derive from this class or not; annotate `answer` just as
    here: the command line compares signatures.
    """

    settings: Mapping[str, object]
    """Model and settings, for the manifest; never an API key or a machine's path."""

    fingerprint: str
    """Changes whenever a request could get another answer."""

    query_types: tuple[str, ...]
    """What it writes where the user names no types; of a rule, all that it knows."""

    takes_chat: bool
    """Whether it needs the prompts of a query type; a rule does not."""

    extracts: bool
    """Whether answers are pieces of the passage by design, hence no faulty copies."""

    def prepare(self, passages: pl.LazyFrame) -> None:
        """Looks at the whole corpus once, before the first request.

        Args:
            passages: Columns title and passage, a row for each passage of the corpus.
        """

    def answer(
        self, requests: Sequence[Request], report: Report = unheard
    ) -> list[Answer]:
        """Answers requests, in their order.

        The requests of one call are those of one part: batches are formed inside it,
        so that a part comes out the same whenever it is made.

        Args:
            requests: What to write.
            report: To be told each answer once, in whatever order, where a call takes
                long: it moves the progress bar.
        """
        ...

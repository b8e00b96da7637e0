"""An engine for tests and dry runs: no model, but faults where they are wanted."""

import time
from collections.abc import Sequence

import polars as pl

from dr_lightning.generation.engine import Answer, Engine, Report, Request, unheard
from dr_lightning.generation.query_type import built_in_types

FAULTS = (
    Answer(""),
    Answer("a query that was", complete=False),
    Answer("I'm sorry, but I cannot help with that."),
    Answer("", fault="refused by the endpoint"),
)
"""What stands in place of a good answer: empty, cut, refused, none."""


class Fake(Engine):
    """Writes what looks like an answer; the request alone decides what.

    Args:
        faulty: Share of answers that the stage has to drop, from 0 to 1.
        seconds: Time that a request takes.

    Raises:
        ValueError: If a number is out of its range.
    """

    takes_chat = True
    extracts = False

    def __init__(self, faulty: float = 0.0, seconds: float = 0.0) -> None:
        if not 0 <= faulty <= 1 or seconds < 0:
            msg = (
                f"faulty must be from 0 to 1 and seconds 0 or more, but got {faulty} "
                f"and {seconds}."
            )
            raise ValueError(msg)
        self.faulty, self.seconds = faulty, seconds
        self.settings = {"model": "fake", "faulty": faulty}
        self.fingerprint = f"fake-{faulty}"
        self.query_types = built_in_types()

    def prepare(self, passages: pl.LazyFrame) -> None:
        """Needs nothing of the corpus."""

    def answer(
        self, requests: Sequence[Request], report: Report = unheard
    ) -> list[Answer]:
        """Answers without looking at neighbours; see `Engine.answer`."""
        answers = []
        for row, request in enumerate(requests):
            time.sleep(self.seconds)
            answers.append(self._answer(request))
            report(row, answers[-1])
        return answers

    def _answer(self, request: Request) -> Answer:
        if request.seed % 1000 < self.faulty * 1000:
            return FAULTS[request.seed // 1000 % len(FAULTS)]
        read = " ".join(message["content"] for message in request.messages()).split()
        words = request.passage.split()
        start = request.seed % max(len(words) - 2, 1)
        picked = " ".join(words[start : start + 3])
        text = f'Query: "what about {picked} {request.seed % 997}"\nIt asks for it.'
        return Answer(text, prompt_tokens=len(read), tokens=len(text.split()))

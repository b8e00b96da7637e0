"""The work of `generate`, a part at a time: requests, raw answers, clean queries."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl

from dr_lightning.generation.cleaning import clean, plain
from dr_lightning.generation.drops import DUPLICATE, CleaningRules, drop_reason
from dr_lightning.generation.engine import Answer, Engine, Request
from dr_lightning.generation.prompts import Prompts
from dr_lightning.generation.requests import Amounts, plan
from dr_lightning.texts import passage_text

NO_TEXT = "passage without text"
ANSWERS = {
    "query_id": pl.String(),
    "answer": pl.String(),
    "complete": pl.Boolean(),
    "fault": pl.String(),
    "removed": pl.String(),
    "prompt_tokens": pl.Int64(),
    "tokens": pl.Int64(),
}
"""Columns of a part: answers as the engine gave them, so that other cleaning rules can
be tried without asking again."""


@dataclass(frozen=True)
class Work:
    """What is to be written, and by whom.

    Args:
        tasks: What `plan` gave.
        passages: passage_id, title, passage; those of `tasks`.
        corpus: title, passage; every passage, for the engine to prepare.
        prompts: Makes the requests.
        engine: Answers them.
    """

    tasks: pl.DataFrame
    passages: pl.DataFrame
    corpus: pl.LazyFrame
    prompts: Prompts
    engine: Engine

    def answers(
        self, rows: range, hear: Callable[[Request, Answer], None] = lambda *_: None
    ) -> pl.DataFrame:
        """Asks for some queries; columns as in `ANSWERS`.

        Passages without text are not shown to a language model.

        Args:
            rows: Of the tasks.
            hear: Told each answer as soon as the engine tells it.

        Raises:
            ValueError: If the engine gives another number of answers.
        """
        tasks = self._with_texts(self.tasks[rows.start : rows.stop])
        requests = [
            self.prompts.request(*row)
            for row in tasks.select(
                "passage_id", "title", "passage", "query_type", "number"
            ).iter_rows()
        ]
        asked = [r for r in requests if r.passage or not self.engine.takes_chat]
        given = self.engine.answer(asked, lambda row, answer: hear(asked[row], answer))
        if len(given) != len(asked):
            msg = (
                f"the engine gave {len(given)} answers to {len(asked)} requests; "
                f"`answer` must return one for each, in their order."
            )
            raise ValueError(msg)
        answers = iter(given)
        whole = [self._next(request, answers) for request in requests]
        return _frame(tasks["query_id"].to_list(), whole)

    def _next(self, request: Request, answers: Iterator[Answer]) -> Answer:
        if request.passage or not self.engine.takes_chat:
            return next(answers)
        return Answer("", fault=NO_TEXT)

    def cleaned(self, answers: pl.DataFrame, rules: CleaningRules) -> pl.DataFrame:
        """Tasks with their answers, the clean `query`, and the `reason` of a drop.

        Args:
            answers: Of `answers`, whole or a part.
            rules: What to drop.

        Returns:
            Columns of tasks and answers, query, and reason (null = kept).
        """
        tasks = self.tasks.join(
            answers, on="query_id", how="inner", maintain_order="left"
        )
        rows = self._with_texts(tasks).select(
            "query_type", "passage", "answer", "complete", "fault"
        )
        queries, reasons = [], []
        for query_type, passage, text, complete, fault in rows.iter_rows():
            answer = Answer(text, complete, fault)
            query, reason = self.judge(query_type, passage, answer, rules)
            queries.append(query)
            reasons.append(reason)
        found = tasks.with_columns(
            query=pl.Series(queries, dtype=pl.String()),
            reason=pl.Series(reasons, dtype=pl.String()),
        )
        return _without_duplicates(found) if rules.duplicates else found

    def judge(
        self, query_type: str, passage: str, answer: Answer, rules: CleaningRules
    ) -> tuple[str, str | None]:
        """The clean query of an answer, and why it is dropped; None if it is not.

        Args:
            query_type: What was asked for.
            passage: What the engine read.
            answer: What it wrote.
            rules: What to drop; duplicates show only among all answers.
        """
        query = clean(answer.text, self.prompts.label(query_type))
        shown = "" if self.engine.extracts else passage
        return query, drop_reason(query, answer, shown, rules)

    def _with_texts(self, tasks: pl.DataFrame) -> pl.DataFrame:
        return tasks.join(
            self.passages, on="passage_id", how="left", maintain_order="left"
        )


def make_work(
    source: pl.LazyFrame,
    gone: pl.LazyFrame | None,
    template: str,
    types: list[str],
    amounts: Amounts,
    prompts: Prompts,
    engine: Engine,
) -> Work:
    """Plans the queries; only the passages that were drawn are read into memory.

    Args:
        source: The corpus.
        gone: passage_id of passages that nothing is written for; None = there are none.
        template: Joins title and text.
        types: Names of the query types.
        amounts: How many queries.
        prompts: Makes the requests.
        engine: Answers them.
    """
    open_to = source.select("passage_id")
    if gone is not None:
        open_to = open_to.join(gone, on="passage_id", how="anti", maintain_order="left")
    ids = open_to.collect().to_series().to_list()
    tasks = plan(ids, types, amounts)
    wanted = tasks.lazy().select("passage_id").unique()
    corpus = source.select("passage_id", "title", passage_text(template))
    drawn = corpus.join(wanted, on="passage_id", how="semi").collect()
    return Work(tasks, drawn, corpus.select("title", "passage"), prompts, engine)


def _frame(query_ids: list[str], answers: list[Answer]) -> pl.DataFrame:
    rows = [
        (key, a.text, a.complete, a.fault, a.removed, a.prompt_tokens, a.tokens)
        for key, a in zip(query_ids, answers, strict=True)
    ]
    return pl.DataFrame(rows, ANSWERS, orient="row")


def _without_duplicates(found: pl.DataFrame) -> pl.DataFrame:
    """Of equal queries of a passage, all but the first get a reason."""
    kept = found["reason"].is_null()
    form = pl.Series([plain(query) for query in found["query"]], dtype=pl.String())
    same = pl.DataFrame({"passage": found["passage_id"], "form": form, "kept": kept})
    first = same.select(pl.struct("passage", "form", "kept").is_first_distinct())
    again = kept & ~first.to_series()
    reason = pl.when(again).then(pl.lit(DUPLICATE)).otherwise("reason")
    return found.with_columns(reason=reason)

"""A language model of transformers, on the machine at hand."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal

import polars as pl

from dr_lightning.generation.batching import common_prefix, cut_batches, group_rows
from dr_lightning.generation.chat import ChatRoom
from dr_lightning.generation.engine import Answer, Engine, Report, Request, unheard
from dr_lightning.generation.fitting import (
    DEFAULT_LIMITS,
    TOO_LONG,
    TokenLimits,
    longest_beginning,
)
from dr_lightning.generation.query_type import built_in_types
from dr_lightning.generation.sampling import DEFAULT_SAMPLING, Sampling
from dr_lightning.models.identity import model_fingerprint
from dr_lightning.models.weights import locate

_WORTH = 32
"""Tokens that prompts must begin with alike, so that these are computed once."""


class HuggingFace(Engine):
    """Writes with a chat model of transformers: on a CPU, or on one GPU.

    Prompts that begin with the same examples are batched together and the keys and
    values of that beginning are computed once; within that, batches are of like length.
    They are formed from the requests of one call, and each answer is drawn with its
    request's own seed. So a call repeats to the byte on the same machine with the same
    number of threads, and other batches change answers through rounding alone.

    A prompt that is too long loses the end of its passage. An answer ends with its
    first complete line.

    Args:
        model: A model folder, a hub name, or `package:NAME/FOLDER`; it must have a chat
            template.
        sampling: How tokens are drawn.
        limits: Tokens of prompt and passage.
        batch_size: Prompts at once.
        precision: "32", or "bf16" for weights in bfloat16: faster where the processor
            multiplies it, half the memory.
        device: "auto" (a GPU where there is one), "cpu", "cuda", "cuda:1" and so on.
        trust_remote_code: Whether to run code that comes with the model.

    Raises:
        ValueError: If the model has no chat template, or a number is out of its range.
    """

    takes_chat = True
    extracts = False

    def __init__(
        self,
        model: str,
        sampling: Sampling = DEFAULT_SAMPLING,
        limits: TokenLimits = DEFAULT_LIMITS,
        batch_size: int = 16,
        precision: Literal["32", "bf16"] = "32",
        device: str = "auto",
        trust_remote_code: bool = False,
    ) -> None:
        if batch_size < 1:
            msg = f"batch_size must be at least 1, but got {batch_size}."
            raise ValueError(msg)
        # Heavy, and not needed for `--help`.
        from dr_lightning.generation.chat_model import ChatModel

        self.limits, self.sampling, self.batch_size = limits, sampling, batch_size
        self.settings = {
            "model": Path(model).name,  # the folder's place is this machine's business
            "sampling": asdict(sampling),
            "limits": asdict(limits),
            "batch_size": batch_size,
            "precision": precision,
        }
        self.query_types = built_in_types()
        self.model = ChatModel(model, precision, device, trust_remote_code)
        shaping = sorted((self.settings | {"model": ""}).items())
        self.fingerprint = model_fingerprint(locate(model), shaping)
        self.room = ChatRoom(self.model.tokenizer, self._longest(model))

    def prepare(self, passages: pl.LazyFrame) -> None:
        """Needs nothing of the corpus."""

    def answer(
        self, requests: Sequence[Request], report: Report = unheard
    ) -> list[Answer]:
        """Writes; see `Engine.answer`."""
        answers = [Answer("", fault=TOO_LONG)] * len(requests)
        prompts: dict[int, list[int]] = {}
        for row, request in enumerate(requests):
            chat = self.room.fit(self._cut(request))
            if chat is not None:
                prompts[row] = self.model.prompt(chat)
        for batch, written in self._batches(requests, prompts):
            for row, answer in zip(batch, written, strict=True):
                answers[row] = answer
                report(row, answer)
        return answers

    def _batches(
        self, requests: Sequence[Request], prompts: dict[int, list[int]]
    ) -> Iterator[tuple[list[int], list[Answer]]]:
        """Rows and their answers, batch after batch."""
        rows = list(prompts)
        keys = [tuple(m["content"] for m in requests[row].shots) for row in rows]
        lengths = [len(prompts.get(row, ())) for row in range(len(requests))]
        for group in group_rows(keys, self.batch_size):
            own = [rows[place] for place in group]
            shared = common_prefix([prompts[row] for row in own])
            worth = shared >= _WORTH and len(own) > 1
            cache = self.model.read(prompts[own[0]][:shared]) if worth else None
            for batch in cut_batches(own, lengths, self.batch_size):
                yield (
                    batch,
                    self.model.write(
                        [prompts[row] for row in batch],
                        [requests[row].seed for row in batch],
                        self.sampling,
                        cache,
                    ),
                )

    def _cut(self, request: Request) -> Request:
        """The request with no more of its passage than `max_passage_tokens`."""
        most = self.limits.max_passage_tokens
        if most is None:
            return request
        passage = longest_beginning(
            request.passage, lambda text: self.model.count(text) <= most
        )
        return replace(request, passage=passage or "")

    def _longest(self, model: str) -> int | None:
        """Tokens that a prompt may have."""
        context, answer = self.model.context, self.sampling.max_tokens
        room = None if context is None else context - answer
        wanted = self.limits.max_prompt_tokens
        if room is not None and room < (wanted or 1):
            msg = (
                f"{model!r} takes {context} tokens, too few for max_prompt_tokens "
                f"{wanted} and max_tokens {answer}. Lower them."
            )
            raise ValueError(msg)
        return wanted or room

"""The engine that asks an endpoint with OpenAI's API, `vllm serve` among them."""

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import polars as pl

from dr_lightning.generation.api_key import ApiKey
from dr_lightning.generation.chat import fold_system
from dr_lightning.generation.engine import Answer, Engine, Report, Request, unheard
from dr_lightning.generation.fitting import TOO_LONG
from dr_lightning.generation.patience import DEFAULT_PATIENCE, Patience
from dr_lightning.generation.query_type import built_in_types
from dr_lightning.generation.sampling import (
    DEFAULT_SAMPLING,
    STOP,
    Sampling,
    line_is_whole,
)
from dr_lightning.generation.waiting import wait_for

if TYPE_CHECKING:
    from dr_lightning.generation.endpoint import ChatEndpoint, Completion

OWN = frozenset({"model", "messages", "n", "stream"})
"""What `body` may not set."""
HALVINGS = 6
IN_A_ROW = 20
"""So many requests without an answer are the endpoint's fault, not theirs."""
FILTERED = "withheld by the endpoint"


class OpenAICompatible(Engine):
    """Writes queries with a chat model behind OpenAI's chat completions API.

    Many requests are under way at once; answers come in the order of the requests. A
    failure that passes is tried again, one that stays costs a query, and one that all
    requests would meet (a wrong key, a model that is not there, no server) ends the
    run. The endpoint knows its context, so a passage is halved where it says that the
    prompt is too long.

    An endpoint may change its model, and few reproduce an answer by its seed.

    Args:
        url: Where the API is, such as `http://127.0.0.1:8000/v1`.
        model: The model's name there.
        sampling: How tokens are drawn.
        key_variable: Environment variable that holds the API key, such as
            `OPENAI_API_KEY`; null = none is sent. The key is stored and shown nowhere.
        body: More fields of a request, such as `chat_template_kwargs:
            {enable_thinking: false}` for vLLM; null leaves a field out that would be
            sent otherwise (`seed`, `stop`, `top_p`, `max_tokens`).
        patience: Requests at once, time-outs and tries; changes no answer.

    Raises:
        ValueError: If the URL is none or carries credentials, the variable is empty,
            `body` sets what is not its own, or httpx2 is not installed.
    """

    takes_chat: bool = True
    extracts: bool = False

    def __init__(
        self,
        url: str,
        model: str,
        sampling: Sampling = DEFAULT_SAMPLING,
        key_variable: str | None = None,
        body: Mapping[str, object] | None = None,
        patience: Patience = DEFAULT_PATIENCE,
    ) -> None:
        self._url, self._model = _checked_url(url), model
        self._sampling, self._patience = sampling, patience
        self._key = ApiKey(key_variable)
        self._body = dict(body or {})
        if wrong := sorted(OWN & self._body.keys()):
            msg = f"body must not set {', '.join(wrong)}; these are the engine's own."
            raise ValueError(msg)
        if find_spec("httpx2") is None:
            msg = (
                "endpoints need the package httpx2. `pip install "
                "'dr-lightning[endpoint]'` brings it."
            )
            raise ValueError(msg)
        shaping = {"model": model, **asdict(sampling), "body": self._body}
        # A server that has moved goes on with the parts that it began.
        digest = hashlib.sha256(json.dumps(shaping, sort_keys=True).encode())
        self.fingerprint: str = digest.hexdigest()[:16]
        self.settings: Mapping[str, object] = {"url": self._url, **shaping}
        self.query_types: tuple[str, ...] = built_in_types()
        self._fold = False
        self._failed_in_a_row = 0

    def prepare(self, passages: pl.LazyFrame) -> None:
        """Needs nothing of the corpus; see `Engine.prepare`."""

    def answer(
        self, requests: Sequence[Request], report: Report = unheard
    ) -> list[Answer]:
        """Answers requests; see `Engine.answer`."""
        try:
            return wait_for(self._answer_all(requests, report))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None

    async def _answer_all(
        self, requests: Sequence[Request], report: Report
    ) -> list[Answer]:
        import httpx2

        from dr_lightning.generation.endpoint import ChatEndpoint

        answers = [Answer("")] * len(requests)
        waiting = iter(enumerate(requests))
        workers = min(self._patience.in_flight, len(requests))
        async with httpx2.AsyncClient(
            base_url=self._url,
            headers=self._key.headers(),
            timeout=None,  # ChatEndpoint bounds the whole of a try
            limits=httpx2.Limits(max_connections=workers),
        ) as client:
            endpoint = ChatEndpoint(client, self._patience, self._key)

            async def work() -> None:
                for row, request in waiting:
                    answers[row] = await self._ask(endpoint, request)
                    report(row, answers[row])

            async with asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(work())
        return answers

    async def _ask(self, endpoint: "ChatEndpoint", request: Request) -> Answer:
        from dr_lightning.generation.endpoint import EndpointError, NoAnswerError

        try:
            completion = await self._complete(endpoint, request)
        except NoAnswerError as failed:
            self._failed_in_a_row += 1
            if self._failed_in_a_row >= IN_A_ROW:
                msg = (
                    f"{self._url} left {IN_A_ROW} requests in a row without an answer, "
                    f"the last one with: {failed.reason}. {failed.told}"
                )
                raise EndpointError(msg) from None
            return Answer("", fault=failed.reason)
        self._failed_in_a_row = 0
        if completion is None:
            return Answer("", fault=TOO_LONG)
        if completion.finish_reason == "content_filter":
            return Answer("", fault=FILTERED)
        return Answer(
            text=completion.text,
            complete=line_is_whole(completion.text, completion.finish_reason),
            prompt_tokens=completion.prompt_tokens,
            tokens=completion.tokens,
        )

    async def _complete(
        self, endpoint: "ChatEndpoint", request: Request
    ) -> "Completion | None":
        """Completes a chat, its passage halved until it fits; null if it never does."""
        from dr_lightning.generation.endpoint import NoAnswerError

        passage = request.passage
        for _ in range(HALVINGS + 1):
            fold = self._fold
            try:
                return await self._line(endpoint, request, passage)
            except NoAnswerError as failed:
                if failed.no_system_role and not fold:
                    self._fold = True
                elif failed.too_long:
                    passage = passage[: len(passage) // 2]
                else:
                    raise
        return None

    async def _line(
        self, endpoint: "ChatEndpoint", request: Request, passage: str
    ) -> "Completion":
        """Completes a chat up to the end of the first line with words in it."""
        body = self._request_body(request, passage)
        completion = await endpoint.complete(body)
        if completion.text.strip() or "stop" not in body:
            return completion
        # The answer may have begun with a newline. The same seed goes on behind it.
        del body["stop"]
        return await endpoint.complete(body)

    def _request_body(self, request: Request, passage: str) -> dict[str, object]:
        messages = request.messages(passage)
        body: dict[str, object] = {
            "model": self._model,
            "messages": fold_system(messages) if self._fold else messages,
            **asdict(self._sampling),
            "stop": [STOP],
            "seed": request.seed % 2**31,  # some servers keep it in 32 bits
            **self._body,
        }
        return {name: value for name, value in body.items() if value is not None}


def _checked_url(url: str) -> str:
    """A URL without the path of the one call that is made."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        msg = f"url must begin with http:// or https://, but got {url!r}."
        raise ValueError(msg)
    if parts.username or parts.password or parts.query:
        msg = (
            f"the url of {parts.hostname} carries credentials or a query, which would "
            "be stored. Put the API key into an environment variable and name that in "
            "key_variable."
        )
        raise ValueError(msg)
    return url.rstrip("/").removesuffix("/chat/completions")

"""One chat completion from an endpoint, asked for until it is there or hopeless."""

import asyncio
import logging
import random
import re
from collections.abc import Mapping
from typing import NamedTuple

import httpx2

from dr_lightning.generation.api_key import ApiKey
from dr_lightning.generation.patience import Patience, retry_after

logger = logging.getLogger(__name__)

PASSING = frozenset({408, 409, 425, 429})
"""Statuses that another try may change, those of 500 and above apart."""
FOR_ALL = {
    401: "Is the key in the environment variable right?",
    403: "May this key use the model?",
    404: "Is the model's name right, and the URL, which mostly ends in /v1?",
}
"""Statuses that every request would get, and the way out."""
SHOWN = 300  # characters of an endpoint's own words in an error
_TOO_LONG = re.compile(
    r"context.?(?:length|window|size)|maximum (?:model )?length"
    r"|too (?:long|many tokens)|reduce the length"
    r"|(?:exceeds?|longer than) the (?:maximum|limit)",
    re.IGNORECASE,
)
_NO_SYSTEM = re.compile(r"system.*role|role.*system|must alternate", re.IGNORECASE)
NOTEWORTHY = 10.0  # seconds: longer pauses are told


class EndpointError(ValueError):
    """What every request would run into: the run has to end, not drop queries."""


class NoAnswerError(Exception):
    """One request got no answer.

    Args:
        reason: Short, the same for all requests that failed in that way.
        told: The endpoint's own words, without the key.
    """

    def __init__(self, reason: str, told: str = "") -> None:
        super().__init__(reason)
        self.reason, self.told = reason, told

    @property
    def too_long(self) -> bool:
        """Whether the endpoint says that the prompt does not fit the model."""
        return bool(_TOO_LONG.search(self.told))

    @property
    def no_system_role(self) -> bool:
        """Whether it says that the model's chat template knows no system prompt."""
        return bool(_NO_SYSTEM.search(self.told))


class Completion(NamedTuple):
    """What an endpoint wrote."""

    text: str
    finish_reason: str | None
    prompt_tokens: int
    tokens: int


class _Failure(NamedTuple):
    """A try that may go better next time."""

    reason: str
    wait: float = 0.0
    for_all: bool = False
    told: str = ""


class ChatEndpoint:
    """Asks an endpoint for chat completions.

    Args:
        client: Connections to the endpoint, key and base URL set.
        patience: Bounds on time and failures.
        key: To be left out of messages.
    """

    def __init__(
        self, client: httpx2.AsyncClient, patience: Patience, key: ApiKey
    ) -> None:
        self._client, self._patience, self._key = client, patience, key
        self._reached = False

    async def complete(self, body: Mapping[str, object]) -> Completion:
        """Asks until there is an answer.

        Args:
            body: Model, messages and settings, as the API names them.

        Raises:
            NoAnswerError: If this request fails for good.
            EndpointError: If every request would.
        """
        failures = 0
        while True:
            outcome = await self._try(body)
            if isinstance(outcome, Completion):
                return outcome
            failures += 1
            if failures == self._patience.tries:
                raise self._given_up(outcome)
            pause = self._patience.pause(failures, outcome.wait, random.random())  # noqa: S311
            level = logging.INFO if pause > NOTEWORTHY else logging.DEBUG
            logger.log(level, "endpoint: %s, wait %.1f s", outcome.reason, pause)
            await asyncio.sleep(pause)

    async def _try(self, body: Mapping[str, object]) -> Completion | _Failure:
        try:
            async with asyncio.timeout(self._patience.timeout):
                response = await self._client.post("chat/completions", json=body)
        except TimeoutError:
            return _Failure("no answer in time")
        except httpx2.ConnectError as error:
            told = self._key.hide(str(error))
            if not self._reached:
                raise self._unreachable(told) from None
            return _Failure("no connection", for_all=True, told=told)
        except httpx2.RequestError as error:
            return _Failure("connection lost", told=type(error).__name__)
        self._reached = True
        return self._judge(response)

    def _judge(self, response: httpx2.Response) -> Completion | _Failure:
        status = response.status_code
        if status == httpx2.codes.OK:
            return _read(response) or _Failure("unreadable answer")
        told = self._words_of(response)
        if status in FOR_ALL:
            msg = (
                f"{self._client.base_url} refuses with status {status}: {told}\n"
                f"{FOR_ALL[status]}"
            )
            raise EndpointError(msg)
        reason = f"status {status} from the endpoint"
        if status in PASSING or status >= 500:
            wait = retry_after(response.headers.get("retry-after"))
            self._check_wait(wait)
            return _Failure(reason, wait, told=told)
        raise NoAnswerError(reason, told)

    def _check_wait(self, wait: float) -> None:
        if wait > self._patience.longest_wait:
            msg = (
                f"{self._client.base_url} asks to wait {wait:.0f} s, more than "
                f"longest_wait, {self._patience.longest_wait:.0f} s. Start again "
                "later: finished parts are kept."
            )
            raise EndpointError(msg)

    def _given_up(self, failure: _Failure) -> Exception:
        if failure.for_all:
            return self._unreachable(failure.told)
        return NoAnswerError(failure.reason, failure.told)

    def _unreachable(self, told: str) -> EndpointError:
        return EndpointError(
            f"{self._client.base_url} cannot be reached: {told}. Is the URL right, and "
            "does the server run?"
        )

    def _words_of(self, response: httpx2.Response) -> str:
        try:
            error = response.json()["error"]
            text = error["message"] if isinstance(error, dict) else error
        except (ValueError, KeyError, TypeError):
            text = response.text
        return self._key.hide(re.sub(r"\s+", " ", str(text)).strip())[:SHOWN]


def _read(response: httpx2.Response) -> Completion | None:
    """The completion of a response; null if it holds none."""
    try:
        data = response.json()
        (choice, *_) = data["choices"]
        text = choice["message"]["content"] or ""
        usage = data.get("usage") or {}
        return Completion(
            text=text + "",  # a text, or a TypeError
            finish_reason=choice.get("finish_reason"),
            prompt_tokens=int(usage.get("prompt_tokens") or 0),
            tokens=int(usage.get("completion_tokens") or 0),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None

"""The engine that runs a chat model in vLLM, in this process."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from dr_lightning.generation.chat import ChatRoom
from dr_lightning.generation.engine import (
    Answer,
    Engine,
    Message,
    Report,
    Request,
    unheard,
)
from dr_lightning.generation.fitting import TOO_LONG
from dr_lightning.generation.query_type import built_in_types
from dr_lightning.generation.sampling import (
    DEFAULT_SAMPLING,
    STOP,
    Sampling,
    line_is_whole,
)
from dr_lightning.models.vllm_runtime import (
    DEFAULT_RUNTIME,
    Dtype,
    VLLMRuntime,
    import_vllm,
    vllm_fingerprint,
)
from dr_lightning.models.weights import locate

logger = logging.getLogger(__name__)

REFUSED = "refused by vLLM"


class VLLM(Engine):
    """Writes queries with a chat model in vLLM, https://docs.vllm.ai.

    vLLM applies the chat template, with its generation prompt, and computes system
    prompt and examples that prompts share once (prefix caching). A passage is cut where
    the prompt would not fit. The model is loaded at the first request.

    Each request has its own seed, so an answer does not hang on the others; yet batches
    are summed in an order of vLLM's own, and a rounding may tip a token. vLLM gives all
    answers of a part at once, so the progress bar moves with the parts.

    Args:
        model: A model folder, a hub name, or `package:NAME/FOLDER`.
        sampling: How tokens are drawn.
        max_model_len: Tokens of prompt and answer; models are trained with far more
            than queries need, and all of it would be reserved on the GPU.
        dtype: Of weights and activations; "auto" is what vLLM takes for the model.
        revision: Branch, tag or commit of a hub name; null = its main branch.
        template: Variables of the chat template, such as `enable_thinking: false`.
        runtime: GPUs and memory.

    Raises:
        ValueError: If vLLM is not installed, a folder does not exist, or
            `max_model_len` leaves no room for a prompt.
    """

    takes_chat: bool = True
    extracts: bool = False

    def __init__(
        self,
        model: str,
        sampling: Sampling = DEFAULT_SAMPLING,
        max_model_len: int = 4096,
        dtype: Dtype = "auto",
        revision: str | None = None,
        template: Mapping[str, str | int | float | bool] | None = None,
        runtime: VLLMRuntime = DEFAULT_RUNTIME,
    ) -> None:
        if max_model_len <= sampling.max_tokens:
            msg = (
                f"max_model_len must be above max_tokens, {sampling.max_tokens}, but "
                f"got {max_model_len}. The prompt needs room too."
            )
            raise ValueError(msg)
        self._folder, self._revision = locate(model), revision
        self._sampling, self._runtime = sampling, runtime
        self._max_model_len, self._dtype = max_model_len, dtype
        self._template = dict(sorted((template or {}).items()))
        self.settings: Mapping[str, object] = {
            "model": Path(model).name if Path(self._folder).is_dir() else model,
            "revision": revision,
            **asdict(sampling),
            "max_model_len": max_model_len,
            "dtype": dtype,
            "template": self._template,
        }
        self.fingerprint: str = vllm_fingerprint(self._folder, revision, self.settings)
        self.query_types: tuple[str, ...] = built_in_types()
        self._llm: Any = None
        self._room: ChatRoom

    def prepare(self, passages: pl.LazyFrame) -> None:
        """Needs nothing of the corpus; see `Engine.prepare`."""

    def answer(
        self, requests: Sequence[Request], report: Report = unheard
    ) -> list[Answer]:
        """Answers requests; see `Engine.answer`."""
        if self._llm is None:
            self._load()
        chats = [self._room.fit(request) for request in requests]
        answers = [Answer("", fault=TOO_LONG)] * len(requests)
        rows = [row for row, chat in enumerate(chats) if chat is not None]
        self._fill(answers, rows, requests, chats, stop=True)
        # An answer that began with a newline was stopped before its first word. The
        # same seed draws the same tokens again and goes on.
        empty = [row for row in rows if not answers[row].text.strip()]
        again = [row for row in empty if answers[row].fault is None]
        self._fill(answers, again, requests, chats, stop=False)
        return answers

    def _fill(
        self,
        answers: list[Answer],
        rows: Sequence[int],
        requests: Sequence[Request],
        chats: Sequence[list[Message] | None],
        stop: bool,
    ) -> None:
        asked = [(chats[row], self._params(requests[row].seed, stop)) for row in rows]
        for row, answer in zip(rows, self._chat(asked), strict=True):
            answers[row] = answer

    def _params(self, seed: int, stop: bool) -> Any:
        return import_vllm().SamplingParams(
            **asdict(self._sampling), seed=seed, stop=STOP if stop else None
        )

    def _chat(self, asked: Sequence[tuple[list[Message] | None, Any]]) -> list[Answer]:
        """Answers chats; where vLLM refuses, halves find out which one it was."""
        if not asked:
            return []
        from vllm.exceptions import VLLMClientError

        chats, params = map(list, zip(*asked, strict=True))
        try:
            outputs = self._llm.chat(
                chats,
                params,
                use_tqdm=False,
                add_generation_prompt=True,
                chat_template_kwargs=self._template,
            )
        except (VLLMClientError, ValueError) as error:
            if len(asked) == 1:
                logger.warning("vLLM refused a prompt: %s", type(error).__name__)
                return [Answer("", fault=REFUSED)]
            half = len(asked) // 2
            return self._chat(asked[:half]) + self._chat(asked[half:])
        return [_answer(output) for output in outputs]

    def _load(self) -> None:
        vllm = import_vllm()
        from vllm.platforms import current_platform

        # vLLM 0.32 takes back a seeded draw where a batch ends within a prompt, which
        # a CPU's generator cannot: there, prompts are not split.
        whole = {"enable_chunked_prefill": False} if current_platform.is_cpu() else {}
        self._llm = vllm.LLM(
            model=self._folder,
            revision=self._revision,
            tokenizer_revision=self._revision,
            runner="generate",
            dtype=self._dtype,
            max_model_len=self._max_model_len,
            enable_prefix_caching=True,
            **self._runtime.arguments(),
            **whole,
        )
        tokenizer = self._llm.get_tokenizer()
        if not getattr(tokenizer, "chat_template", None):
            msg = (
                f"{self.settings['model']!r} has no chat template: it is no chat "
                "model. Give an instruction-tuned one."
            )
            raise ValueError(msg)
        room = self._max_model_len - self._sampling.max_tokens
        self._room = ChatRoom(tokenizer, room, self._template)


def _answer(output: Any) -> Answer:
    (drawn,) = output.outputs
    return Answer(
        text=drawn.text,
        complete=line_is_whole(drawn.text, drawn.finish_reason),
        prompt_tokens=len(output.prompt_token_ids),
        tokens=len(drawn.token_ids),
    )

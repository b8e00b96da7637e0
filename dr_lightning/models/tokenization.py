"""How a text becomes token ids: the tokenizer, the prompts and the length limits."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from transformers import PreTrainedTokenizerBase

from dr_lightning.models.ragged import Framing, Ragged, ragged

Side = Literal["query", "passage"]
SIDES: tuple[Side, ...] = ("query", "passage")

SHORTEST = 3
_DEFAULTS = {"query": 64, "passage": 512}  # arXiv 2502.19712

# A prompt is split from its text only where that changes no token of these.
_PROBES = ("retrieval systems", "3 ways", "Über café", "(x + y)", "'s", "::", "\n\n")


@dataclass(frozen=True)
class TextFormat:
    """How an encoder reads queries, or passages.

    Args:
        prompt: Put before each text, its spaces included; null = as saved with the
            model.
        max_tokens: Tokens kept of a text, special tokens counted, the prompt not; null
            = as saved with the model.

    Raises:
        ValueError: If `max_tokens` is below 3: two special tokens and one word.
    """

    prompt: str | None = None
    max_tokens: int | None = None

    def __post_init__(self) -> None:
        """Checks the limit."""
        if self.max_tokens is not None and self.max_tokens < SHORTEST:
            msg = f"max_tokens must be at least {SHORTEST}, but got {self.max_tokens}."
            raise ValueError(msg)

    def over(self, saved: "TextFormat") -> "TextFormat":
        """This format, with what it leaves open taken from a saved one.

        Args:
            saved: What stands in the model's folder.

        Example:
            >>> TextFormat(max_tokens=32).over(TextFormat("query: ", 64))
            TextFormat(prompt='query: ', max_tokens=32)
        """
        return TextFormat(
            saved.prompt if self.prompt is None else self.prompt,
            saved.max_tokens if self.max_tokens is None else self.max_tokens,
        )


class Tokenization:
    """A tokenizer with the formats of queries and passages.

    The tokens of a text are stored without special tokens and prompt; `framing` tells
    what is put around them when a batch is made. Where a tokenizer would cut a prompt
    and its text differently apart than together, the part of the prompt that matters
    (`Framing.lead`) is tokenised with the text, so the ids are always those of
    `tokenizer(prompt + text)`.

    Args:
        tokenizer: A fast Hugging Face tokenizer.
        query: Format of queries.
        passage: Format of passages.
        position_limit: Tokens the backbone takes at most, prompt included; None if it
            sets no limit.

    Raises:
        ValueError: If the tokenizer is not a fast one, changes a text's tokens where it
            puts special ones around it, or the prompt leaves no room for a text.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        query: TextFormat,
        passage: TextFormat,
        position_limit: int | None = None,
    ) -> None:
        if not tokenizer.is_fast:
            msg = (
                f"{type(tokenizer).__name__} has no fast version; give a model folder "
                "with a tokenizer.json."
            )
            raise ValueError(msg)
        self.tokenizer = tokenizer
        self.position_limit = position_limit
        formats: dict[Side, TextFormat] = {"query": query, "passage": passage}
        self.framings = {
            side: self._framing(formats[side].prompt or "", self._limit(formats, side))
            for side in SIDES
        }

    @property
    def vocabulary_size(self) -> int:
        """One more than the largest token id."""
        return len(self.tokenizer)

    def fingerprint(self, side: Side) -> str:
        """Changes when a text of this side would be stored as other token ids."""
        state = self.tokenizer.backend_tokenizer.to_str()
        lead = self.framings[side].lead
        return hashlib.sha256(f"{state}\0{lead}".encode()).hexdigest()[:16]

    def tokenize(self, texts: Sequence[str], side: Side) -> list[list[int]]:
        """Own token ids of each text: no prompt, no special tokens, not cut.

        Args:
            texts: Any number of texts.
            side: "query" or "passage".
        """
        lead = self.framings[side].lead
        encodings = self.tokenizer.backend_tokenizer.encode_batch_fast(
            [lead + text for text in texts], add_special_tokens=False
        )
        return [encoding.ids for encoding in encodings]

    def ragged(self, texts: Sequence[str], side: Side) -> Ragged:
        """The same as one flat table, for texts that need no store."""
        return ragged(self.tokenize(texts, side))

    def _ids(self, text: str, *, special: bool = False) -> list[int]:
        backend = self.tokenizer.backend_tokenizer
        return list(backend.encode(text, add_special_tokens=special).ids)

    @staticmethod
    def _limit(formats: dict[Side, TextFormat], side: Side) -> int:
        return formats[side].max_tokens or _DEFAULTS[side]

    def _framing(self, text_prompt: str, max_tokens: int) -> Framing:
        # A loaded tokenizer may still cut or pad; lengths are ours to decide.
        self.tokenizer.backend_tokenizer.no_truncation()
        self.tokenizer.backend_tokenizer.no_padding()
        before, after = self._special_tokens()
        head, lead = self._split_prompt(text_prompt)
        prompt = self._ids(head) if head else []
        shared = len(self._ids(lead)) if lead.strip() else 0
        special = len(before) + len(after)
        limit = max_tokens - special + shared
        if self.position_limit is not None:
            limit = min(limit, self.position_limit - special - len(prompt))
        if limit - shared < 1:
            msg = (
                f"the prompt {text_prompt!r} leaves no room for a text in "
                f"max_tokens={max_tokens} (the backbone takes "
                f"{self.position_limit}). Raise max_tokens or shorten the prompt."
            )
            raise ValueError(msg)
        return Framing((*before, *prompt), tuple(after), self._pad_id(), limit, lead)

    def _pad_id(self) -> int:
        for token in (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id):
            if token is not None:
                return int(token)
        return 0  # masked out everywhere, so any id does

    def _special_tokens(self) -> tuple[list[int], list[int]]:
        bare = self._ids(_PROBES[0])
        full = self._ids(_PROBES[0], special=True)
        for start in range(len(full) - len(bare) + 1):
            if full[start : start + len(bare)] == bare:
                return full[:start], full[start + len(bare) :]
        msg = f"{type(self.tokenizer).__name__} changes a text's tokens with its frame."
        raise ValueError(msg)

    def _split_prompt(self, prompt: str) -> tuple[str, str]:
        """The part that can be tokenised alone, and the part that goes with the text.

        WordPiece cuts "query: text" behind the space, byte-pair and SentencePiece
        vocabularies before it; whatever fits neither is kept whole with the text.
        """
        stripped = prompt.rstrip(" ")
        for head, lead in ((prompt, ""), (stripped, prompt[len(stripped) :])):
            start = self._ids(head)
            if all(
                self._ids(prompt + text) == start + self._ids(lead + text)
                for text in _PROBES
            ):
                return head, lead
        return "", prompt

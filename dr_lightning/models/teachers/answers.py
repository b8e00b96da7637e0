"""Scores a prompt by how a language model answers it: the logits of a token or two."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from dr_lightning.models.identity import model_fingerprint
from dr_lightning.models.teachers.prompt import Prompt, PromptTokens
from dr_lightning.models.teachers.running import Float32, Running
from dr_lightning.models.teachers.scorer import score_pairs
from dr_lightning.models.weights import locate

Answer = Callable[
    [Int[Tensor, "pair token"], Bool[Tensor, "pair token"]],
    Float[Tensor, "pair answer"],
]
"""Logits of the answers from token ids and what is not padding, in main memory."""


class Answers:
    """What teachers that ask a language model share.

    The score is the relevant token's logit minus the other's where there is one: the
    log-odds. Their log-softmax would rank alike, but press the best passages together
    just under 0. Only the rows of these tokens are kept of the output layer, and they
    are computed in float32; scaling and capping of logits stay the model's own.

    Args:
        model: As loaded, on the CPU.
        tokenizer: Its tokenizer.
        tokens: Makes the prompts.
        running: Lengths, precision and device.
        kind: Name of the teacher's class.
        name: Name of the model.

    Raises:
        ValueError: If `max_tokens` does not fit, or an answer is no token.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: PreTrainedTokenizerBase,
        tokens: PromptTokens,
        running: Running,
        kind: str,
        name: str,
    ) -> None:
        running.check(name, model.config, tokenizer, tokens.least)
        self.tokens, self.running = tokens, running
        ids = [token_id(tokenizer, token) for token in tokens.prompt.tokens]
        shaping = (kind, tokens.prompt, running.max_tokens, running.precision)
        self.fingerprint = model_fingerprint(locate(name), (*shaping, str(model.dtype)))
        keep_rows(model, ids)
        self.model = model.to(running.place)

    def score(
        self,
        answer: Answer,
        queries: Sequence[str],
        passages: Sequence[str],
        pairs: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """Scores pairs; see `Teacher.score`.

        Args:
            answer: Runs the model.
            queries: Texts.
            passages: Texts.
            pairs: Rows of both.
        """
        tokens = self.tokens.pairs(queries, passages, pairs, self.running.max_tokens)

        def logits(ids: Tensor, mask: Tensor, _: Tensor) -> Tensor:
            found = answer(ids, mask).float()
            return found[:, 0] - found[:, 1] if found.shape[1] == 2 else found[:, 0]

        return score_pairs(tokens, logits, self.running)


def settings(
    model: str, prompt: Prompt, max_tokens: int, precision: str
) -> dict[str, str | int]:
    """What the manifest says of a teacher that asks.

    Args:
        model: Name of the model, without its folder.
        prompt: Template and answers.
        max_tokens: Tokens of a pair.
        precision: As set.

    Example:
        >>> settings("t5", Prompt("{query} {passage}", "a", "b"), 512, "32")["tokens"]
        'a, b'
    """
    return {
        "model": model,
        "template": prompt.template,
        "tokens": ", ".join(prompt.tokens),
        "max_tokens": max_tokens,
        "precision": precision,
    }


def token_id(tokenizer: PreTrainedTokenizerBase, token: str) -> int:
    """The id of an entry of the vocabulary.

    Args:
        tokenizer: A Hugging Face tokenizer.
        token: Such as `▁true`.

    Raises:
        ValueError: If there is no such entry.
    """
    found = tokenizer.get_vocab().get(token)
    if found is None:
        parts = tokenizer.tokenize(token)
        msg = (
            f"{token!r} is no token of this model; its tokenizer reads it as {parts}. "
            "Give an entry of the vocabulary, with its mark of a word's beginning "
            "('▁' or 'Ġ') where it has one."
        )
        raise ValueError(msg)
    return int(found)


def keep_rows(model: Any, rows: list[int]) -> None:
    """Cuts the output layer down to some tokens, in float32.

    Args:
        model: With an output layer; changed in place.
        rows: Token ids, in the order of the new logits.
    """
    head = model.get_output_embeddings()
    small = nn.Linear(head.weight.shape[1], len(rows), bias=head.bias is not None)
    small.weight = nn.Parameter(head.weight.detach()[rows].float())
    if head.bias is not None:
        small.bias = nn.Parameter(head.bias.detach()[rows].float())
    model.set_output_embeddings(Float32(small))

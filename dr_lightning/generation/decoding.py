"""Draws tokens row by row, so that a batch's neighbours do not matter."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessor, StoppingCriteria

from dr_lightning.generation.cleaning import first_line
from dr_lightning.generation.sampling import Sampling

_LIKELIEST = 1024
"""Tokens that top-p looks at first: sorting a whole vocabulary is slow on a CPU."""
_LINE_BREAKS = ("\n", "Ċ", "<0x0A>")
"""A line break as vocabularies write it: plain, byte-level BPE, byte fallback."""


class SampleRows(LogitsProcessor):
    """Draws each row's next token with the row's own random numbers.

    The token that was drawn is the only one that stays possible; `generate` then takes
    it greedily.

    Args:
        seeds: One a row.
        sampling: Temperature above 0, top-p, and tokens that are drawn at most.
        device: Where the logits lie.
    """

    def __init__(
        self, seeds: Sequence[int], sampling: Sampling, device: torch.device
    ) -> None:
        steps = sampling.max_tokens
        numbers = [
            torch.rand(steps, generator=torch.Generator().manual_seed(seed))
            for seed in seeds
        ]
        self.numbers = torch.stack(numbers, dim=1).to(device)
        self.sampling, self.step = sampling, 0

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Logits that allow one token a row."""
        tokens = draw_tokens(scores, self.numbers[self.step], self.sampling)
        self.step += 1
        alone = torch.full_like(scores, float("-inf"))
        return alone.scatter_(1, tokens[:, None], 0.0)


def draw_tokens(logits: Tensor, numbers: Tensor, sampling: Sampling) -> Tensor:
    """A token a row, by inverting the cumulated probabilities in order of token ids.

    Args:
        logits: `(rows, vocabulary)`.
        numbers: In [0, 1), one a row.
        sampling: Temperature above 0, and top-p.

    Returns:
        Token ids, `(rows,)`.

    Example:
        >>> logits = torch.tensor([[0.0, 0.0]]).repeat(2, 1)
        >>> draw_tokens(logits, torch.tensor([0.4, 0.6]), Sampling(1.0)).tolist()
        [0, 1]
    """
    probability = torch.softmax(logits.float() / sampling.temperature, dim=-1)
    if sampling.top_p < 1:
        probability = _nucleus(probability, sampling.top_p)
    cumulated = probability.double().cumsum(dim=-1)
    wanted = numbers[:, None].double() * cumulated[:, -1:]
    return torch.searchsorted(cumulated, wanted, right=True).squeeze(1)


def _nucleus(probability: Tensor, top_p: float) -> Tensor:
    """Probabilities of the likeliest tokens, 0 for all others."""
    values, ids = probability.topk(min(_LIKELIEST, probability.shape[1]))
    if values.sum(dim=-1).min() < top_p:
        values, ids = probability.sort(dim=-1, descending=True)
    before = values.cumsum(dim=-1) - values
    kept = torch.where(before < top_p, values, 0.0)
    return torch.zeros_like(probability).scatter_(1, ids, kept)


class LineEnd(StoppingCriteria):
    """Ends a row once its first line is complete.

    Args:
        tokenizer: Of the model.
        breaks: What `line_breaks` gives.
        prompt: Tokens ahead of the answer.
    """

    def __init__(self, tokenizer: Any, breaks: Tensor, prompt: int) -> None:
        self.tokenizer, self.breaks, self.prompt = tokenizer, breaks, prompt

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        """Whether each row is done."""
        answers = input_ids[:, self.prompt :]
        done = self.breaks[answers].any(dim=1)
        for row in done.nonzero().flatten().tolist():
            text = self.tokenizer.decode(answers[row], skip_special_tokens=True)
            done[row] = first_line(text).ended
        return done


def line_breaks(tokenizer: Any, size: int) -> Tensor:
    """Which tokens may hold a line break, `(size,)`.

    Args:
        tokenizer: Of the model.
        size: Of the model's vocabulary.
    """
    marks = torch.zeros(size, dtype=torch.bool)
    for token, place in tokenizer.get_vocab().items():
        if place < size and any(mark in token for mark in _LINE_BREAKS):
            marks[place] = True
    return marks

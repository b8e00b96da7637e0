"""Token ids of many texts without padding: a flat array and each text's start."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Framing:
    """What stands around a text's own tokens, and how many of those are kept.

    Args:
        prefix: Token ids before the text: special tokens and the prompt.
        suffix: Token ids after it.
        pad: The id that fills a row up.
        max_tokens: Own tokens of a text that are kept, at least 1.
        lead: Characters of the prompt that had to be tokenised with the text.
    """

    prefix: tuple[int, ...]
    suffix: tuple[int, ...]
    pad: int
    max_tokens: int
    lead: str = ""

    @property
    def overhead(self) -> int:
        """Tokens that every text gets on top of its own."""
        return len(self.prefix) + len(self.suffix)


@dataclass(frozen=True)
class Ragged:
    """Texts as token ids: text i is `ids[starts[i] : starts[i] + lengths[i]]`.

    `ids` may lie on any device; `starts` and `lengths` stay in main memory, so that
    micro-batches can be cut without waiting for the device.

    Args:
        ids: Token ids of all texts, one after the other.
        starts: First token of each text.
        lengths: Tokens of each text.
    """

    ids: Int[Tensor, " token"]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of texts."""
        return len(self.starts)

    def take(self, rows: NDArray[np.int64], max_tokens: int) -> "Ragged":
        """Some of the texts, each cut to `max_tokens`; the ids are shared.

        Args:
            rows: Which texts, in the order of the result.
            max_tokens: Tokens kept of each.
        """
        kept = np.minimum(self.lengths[rows], max_tokens)
        return Ragged(self.ids, self.starts[rows], kept)

    def to(self, device: torch.device | str, **options: Any) -> "Ragged":
        """The same texts with their ids on another device."""
        non_blocking = bool(options.get("non_blocking", False))
        ids = self.ids.to(device, non_blocking=non_blocking)
        return Ragged(ids, self.starts, self.lengths)

    def pin_memory(self) -> "Ragged":
        """The same texts in page-locked memory."""
        return Ragged(self.ids.pin_memory(), self.starts, self.lengths)

    def padded_lengths(self, framing: Framing) -> NDArray[np.int64]:
        """Tokens of each text as the encoder sees it, special tokens and prompt too."""
        return np.minimum(self.lengths, framing.max_tokens) + framing.overhead

    def pad(
        self, rows: NDArray[np.int64], framing: Framing
    ) -> tuple[Int[Tensor, "text token"], Bool[Tensor, "text token"]]:
        """Cuts, frames and pads some texts to the longest of them.

        Args:
            rows: Which texts, in the order of the result.
            framing: Special tokens, prompt and maximum length.

        Returns:
            Token ids and which of them are not padding, `(texts, longest)`.
        """
        kept = np.minimum(self.lengths[rows], framing.max_tokens)
        head, tail = len(framing.prefix), len(framing.suffix)
        width = int(kept.max(initial=0)) + head + tail
        place = np.arange(width)[None, :] - head
        own = (place >= 0) & (place < kept[:, None])
        after = place - kept[:, None]
        source = np.where(own, self.starts[rows][:, None] + place, 0)
        frame = np.full((len(rows), width), framing.pad, dtype=np.int64)
        frame[:, :head] = framing.prefix
        closing = (after >= 0) & (after < tail)
        if tail:
            frame[closing] = np.asarray(framing.suffix)[after[closing]]
        device = self.ids.device
        mask = torch.from_numpy(after < tail).to(device, non_blocking=True)
        fixed = torch.from_numpy(frame).to(device, non_blocking=True)
        if not len(self.ids):
            return fixed, mask
        text = self.ids[torch.from_numpy(source).to(device, non_blocking=True)].long()
        inside = torch.from_numpy(own).to(device, non_blocking=True)
        return torch.where(inside, text, fixed), mask


def ragged(texts: list[list[int]]) -> Ragged:
    """Builds a `Ragged` from lists of token ids.

    Example:
        >>> ragged([[5, 6], [], [7]]).lengths.tolist()
        [2, 0, 1]
    """
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    flat = [token for text in texts for token in text]
    ids = torch.tensor(flat, dtype=torch.int32)
    return Ragged(ids, np.cumsum(lengths) - lengths, lengths)

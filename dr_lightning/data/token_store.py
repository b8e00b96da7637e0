"""Every text tokenised once, into a memory-mapped store that batches slice.

A store is a folder of two arrays: `ids.npy`, the token ids of all texts one after the
other, and `starts.npy`, where each text begins. Its name is a fingerprint of the texts
and of the tokenizer, so a changed corpus, template, prompt or tokenizer makes a new
store; it is built under a temporary name and renamed, so a half-written one is never
used.
"""

import hashlib
import logging
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from rich.progress import Progress

from dr_lightning.cache import building, default_cache
from dr_lightning.models.ragged import Ragged
from dr_lightning.models.tokenization import Side, Tokenization

logger = logging.getLogger(__name__)

_TEXTS_A_STEP = 4096
_UINT16_VOCABULARY = 2**16


@dataclass(frozen=True)
class TokenStore:
    """Token ids of texts on disk, in the order they were given.

    Args:
        ids: Memory-mapped token ids of all texts.
        starts: First token of each text, and one past the last: `(texts + 1,)`.
        side: Whether they are queries or passages.
    """

    ids: NDArray[np.integer]
    starts: NDArray[np.int64]
    side: Side

    def __len__(self) -> int:
        """Number of texts."""
        return len(self.starts) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Own tokens of each text: no prompt, no special tokens, not cut."""
        return np.diff(self.starts)

    def take(self, rows: NDArray[np.int64], max_tokens: int) -> Ragged:
        """Copies some texts out of the store.

        Args:
            rows: Which texts, in the order of the result.
            max_tokens: Tokens kept of each.
        """
        first = self.starts[rows]
        kept = np.minimum(self.starts[rows + 1] - first, max_tokens)
        starts = np.cumsum(kept) - kept
        places = np.repeat(first - starts, kept) + np.arange(int(kept.sum()))
        ids = torch.from_numpy(self.ids[places].astype(np.int32))
        return Ragged(ids, starts, kept)

    def share_cut(self, max_tokens: int) -> float:
        """Share of texts with more than `max_tokens` own tokens, in [0, 1]."""
        return float((self.lengths > max_tokens).mean()) if len(self) else 0.0


def token_store(
    texts: pl.LazyFrame,
    tokenization: Tokenization,
    side: Side,
    cache: Path | None = None,
) -> TokenStore:
    """Opens the store of some texts, building it first where there is none.

    Args:
        texts: A frame with one column of strings.
        tokenization: Tokenizer and prompts.
        side: Whether they are queries or passages.
        cache: Folder of all stores; null = `default_cache()`.
    """
    name, size = _name(texts, tokenization, side)
    folder = (cache or default_cache()) / "tokens" / name
    if not folder.is_dir():
        _build(_tokenized(texts, size, tokenization, side), tokenization, folder)
        logger.info("tokenised %s %s texts into %s", f"{size:,}", side, folder)
    starts = np.load(folder / "starts.npy")
    # An empty file cannot be mapped.
    mode: Literal["r"] | None = "r" if starts[-1] else None
    return TokenStore(np.load(folder / "ids.npy", mmap_mode=mode), starts, side)


def _parts(texts: pl.LazyFrame) -> Iterator[pl.Series]:
    """The texts in order, some thousand at a time, so that they need not fit."""
    for frame in texts.collect_batches(
        chunk_size=_TEXTS_A_STEP, maintain_order=True, engine="streaming"
    ):
        yield frame.to_series()


def _name(
    texts: pl.LazyFrame, tokenization: Tokenization, side: Side
) -> tuple[str, int]:
    digest = hashlib.sha256(tokenization.fingerprint(side).encode())
    size = 0
    for part in _parts(texts):
        digest.update(part.hash(seed=0).to_numpy().tobytes())
        size += len(part)
    return f"{side}-{size}-{digest.hexdigest()[:24]}", size


def _build(
    parts: Iterable[list[list[int]]], tokenization: Tokenization, folder: Path
) -> None:
    with building(folder) as work:
        lengths = _write_ids(parts, tokenization, work)
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        np.save(work / "starts.npy", starts)


def _tokenized(
    texts: pl.LazyFrame, size: int, tokenization: Tokenization, side: Side
) -> Iterator[list[list[int]]]:
    with Progress(*Progress.get_default_columns(), transient=True) as progress:
        task = progress.add_task(f"tokenise {side} texts", total=size)
        for part in _parts(texts):
            yield tokenization.tokenize(part.to_list(), side)
            progress.advance(task, len(part))


def _write_ids(
    parts: Iterable[list[list[int]]], tokenization: Tokenization, work: Path
) -> NDArray[np.int64]:
    small = tokenization.vocabulary_size <= _UINT16_VOCABULARY
    dtype = np.dtype(np.uint16 if small else np.uint32)
    lengths: list[int] = []
    raw = work / "ids.raw"
    with raw.open("wb") as file:
        for part in parts:
            lengths.extend(map(len, part))
            flat = np.fromiter((token for text in part for token in text), dtype)
            file.write(flat.tobytes())
    _add_header(raw, work / "ids.npy", dtype, sum(lengths))
    return np.array(lengths, dtype=np.int64)


def _add_header(raw: Path, target: Path, dtype: np.dtype, size: int) -> None:
    """Turns raw numbers into a .npy file without holding them in memory."""
    header = {
        "descr": dtype.str,
        "fortran_order": False,
        "shape": (size,),
    }
    with target.open("wb") as file, raw.open("rb") as source:
        np.lib.format.write_array_header_1_0(file, header)  # type: ignore[no-untyped-call]
        shutil.copyfileobj(source, file)
    raw.unlink()

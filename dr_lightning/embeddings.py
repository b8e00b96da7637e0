"""Passages embedded once for a model, and kept: a memory-mapped matrix in the cache.

Its name is a fingerprint of the corpus, the template, the encoder and the precision, so
that a change of any of them makes a new one. It gets its name when it is whole.
"""

import hashlib
import logging
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dr_lightning.artefacts import fingerprint, replacing
from dr_lightning.cache import default_cache
from dr_lightning.models.encoding import Texts
from dr_lightning.models.fingerprint import encoder_fingerprint
from dr_lightning.retrieval import Retriever

logger = logging.getLogger(__name__)


def kept_embeddings(
    retriever: Retriever,
    corpus: Path,
    template: str,
    passages: Texts,
    cache: Path | None = None,
) -> NDArray[np.float32]:
    """Embeddings of a corpus, computed where they are not in the cache.

    Args:
        retriever: Encodes.
        corpus: The corpus artefact.
        template: Joins title and text.
        passages: Token ids of that corpus with that template, none left out.
        cache: Folder of caches; null = the user's.

    Returns:
        `(passages, dim)`, a read-only memory map.

    Raises:
        OSError: If the cache cannot be written.
    """
    encoder, precision = retriever.encoder, retriever.encoding.precision
    shaping = fingerprint(corpus), template, encoder_fingerprint(encoder), precision
    name = hashlib.sha256(repr(shaping).encode()).hexdigest()[:24]
    file = (cache or default_cache()) / "embeddings" / f"{name}.npy"
    rows = len(passages.lengths)
    if not file.is_file():
        with replacing(file) as unfinished:
            shape = (rows, encoder.dim)
            out = np.lib.format.open_memmap(unfinished, "w+", np.float32, shape)  # type: ignore[no-untyped-call]
            retriever.embed_passages(passages, out=out)
            out.flush()
        size = file.stat().st_size / 2**20
        logger.info("embedded %s passages into %s (%.0f MiB)", f"{rows:,}", file, size)
    # An empty file cannot be mapped.
    mode: Literal["r"] | None = "r" if rows else None
    embeddings: NDArray[np.float32] = np.load(file, mmap_mode=mode)
    return embeddings

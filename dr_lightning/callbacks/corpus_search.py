"""Encodes a collection with a model in training, and searches it over all ranks."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dr_lightning.data.collections import LoadedCollection
from dr_lightning.distributed import all_gather_variable, rank, world_size
from dr_lightning.models.dealing import deal
from dr_lightning.models.encoder import Encoder
from dr_lightning.models.encoding import encode
from dr_lightning.search import Search, TopK, merge_top_k


def search_corpus(
    encoder: Encoder,
    collection: LoadedCollection,
    rows: NDArray[np.int64] | None,
    search: Search,
    depth: int,
    batch_tokens: int | None,
) -> TopK:
    """The best passages of every query, on every rank, as rows of the corpus.

    The corpus is dealt out to the ranks by tokens. Precision is the caller's.

    Args:
        encoder: The same on every rank.
        collection: Its queries and passages.
        rows: Rows of the corpus that are searched; None = all.
        search: Searches the embeddings of a rank's share.
        depth: Passages of each query.
        batch_tokens: Padded tokens that are encoded at once; None = what suits the
            device.
    """
    if rows is None:
        rows = np.arange(len(collection.passage))
    own = rows[deal(collection.passage.lengths[rows], world_size())[rank()]]
    label = f"encode {collection.name}" if rank() == 0 else None
    query = encode(encoder, collection.query, "query", batch_tokens=batch_tokens)
    search.index(
        encode(encoder, collection.passage, "passage", own, batch_tokens, label=label)
    )
    found = search.search(torch.from_numpy(query).to(encoder.device), depth)
    table = torch.from_numpy(own).to(encoder.device)
    return _merged(TopK(found.scores, _to_corpus(found.rows, table)), depth)


def _to_corpus(rows: Tensor, table: Tensor) -> Tensor:
    """Rows of a share as rows of the corpus; -1 stays."""
    if not len(table):
        return rows
    return torch.where(rows >= 0, table[rows.clamp(min=0)], -1)


def _merged(own: TopK, depth: int) -> TopK:
    """The best of all ranks' shares, the same on every rank."""
    ranks = world_size()
    if ranks == 1:
        return own
    queries = len(own.rows)
    scores = all_gather_variable(own.scores, [queries] * ranks).chunk(ranks)
    rows = all_gather_variable(own.rows, [queries] * ranks).chunk(ranks)
    return merge_top_k(list(zip(scores, rows, strict=True)), depth)

"""One retrieval from end to end: encode a corpus and queries, search, give a run."""

from dataclasses import dataclass, field

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from dr_lightning.models.device import Precision, autocast, pick_device
from dr_lightning.models.encoder import Encoder
from dr_lightning.models.encoding import Texts, encode
from dr_lightning.search import ExactSearch, Search, TopK


@dataclass(frozen=True)
class Encoding:
    """Where and how texts are encoded.

    Args:
        device: "auto" = a CUDA device where there is one, else the CPU.
        precision: "32", or "bf16" for matrix products in bfloat16.
        batch_tokens: Padded tokens that are encoded at once; null = 2,048 on a CPU,
            65,536 on a GPU.
    """

    device: str = "auto"
    precision: Precision = "32"
    batch_tokens: int | None = None


@dataclass
class Retriever:
    """An encoder with what is needed to search a corpus with it.

    Args:
        encoder: Encodes queries and passages.
        encoding: Where and how.
        search: Searches the embeddings.
    """

    encoder: Encoder
    encoding: Encoding = field(default_factory=Encoding)
    search: Search = field(default_factory=ExactSearch)

    def index(
        self,
        passages: Texts,
        rows: NDArray[np.int64] | None = None,
        label: str = "encode passages",
    ) -> None:
        """Encodes a corpus and makes it the one that is searched.

        Args:
            passages: Token ids of the corpus.
            rows: The part of it that is searched, by its own row numbers from 0; null =
                all.
            label: Text of the progress bar.
        """
        self.search.index(self.embed_passages(passages, rows, label))

    def embed_passages(
        self,
        passages: Texts,
        rows: NDArray[np.int64] | None = None,
        label: str = "encode passages",
        out: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Encodes a corpus.

        Args:
            passages: Token ids of the corpus.
            rows: The part of it that is encoded; null = all.
            label: Text of the progress bar.
            out: Where the embeddings go; null = a new array.

        Returns:
            Embeddings, `(rows, dim)`.
        """
        device = pick_device(self.encoding.device)
        self.encoder.to(device)
        tokens = self.encoding.batch_tokens
        with autocast(device, self.encoding.precision):
            return encode(self.encoder, passages, "passage", rows, tokens, out, label)

    def top(self, queries: Texts, depth: int) -> TopK:
        """The best passages of each query.

        Args:
            queries: Token ids of the queries.
            depth: Passages a query.
        """
        return self.search.search(self.embed(queries), depth)

    def embed(self, queries: Texts) -> Tensor:
        """Encodes queries.

        Args:
            queries: Token ids of the queries.

        Returns:
            Embeddings, `(queries, dim)`, on the device that encodes.
        """
        device = pick_device(self.encoding.device)
        self.encoder.to(device)
        with autocast(device, self.encoding.precision):
            embedding = encode(
                self.encoder,
                queries,
                "query",
                batch_tokens=self.encoding.batch_tokens,
            )
        return torch.from_numpy(embedding).to(device)


def run_frame(query_id: pl.Series, passage_id: pl.Series, top: TopK) -> pl.DataFrame:
    """A run in the contract's columns; queries without any passage are left out.

    Args:
        query_id: Id of each query row.
        passage_id: Id of each passage row.
        top: Rows and scores, descending, -1 for none.

    Example:
        >>> top = TopK(torch.tensor([[0.9, 0.1]]), torch.tensor([[1, 0]]))
        >>> run_frame(pl.Series(["q"]), pl.Series(["a", "b"]), top).row(0)[1]
        ['b', 'a']
    """
    rows = top.rows.cpu().numpy()
    found = rows >= 0
    flat = pl.DataFrame(
        {
            "query_id": query_id.gather(np.nonzero(found)[0]),
            "passage_id": passage_id.gather(rows[found]),
            "score": top.scores.cpu().float().numpy()[found],
        }
    )
    return flat.group_by("query_id", maintain_order=True).agg("passage_id", "score")

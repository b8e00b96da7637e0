"""Dense retrieval in parts: ranges of passages, each encoded, searched and kept.

A part holds the best passages of every query among its own, so parts can be computed
by several workers, and merging them gives what one search of all passages gives.
"""

import logging
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
import torch

from dr_lightning.artefacts import fingerprint
from dr_lightning.candidates.material import Material
from dr_lightning.data.collections import load_corpus
from dr_lightning.data.token_store import token_store
from dr_lightning.models.fingerprint import encoder_fingerprint
from dr_lightning.parts import Parts, Shard, settings_key
from dr_lightning.retrieval import Retriever, run_frame
from dr_lightning.search import ExactSearch, TopK, described, merge_top_k

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DenseSearch:
    """The search of a corpus by an encoder, in parts.

    Only an exact search is cut: what a FAISS index finds depends on all the passages
    that it is trained on and holds, so there one part holds them all.

    Args:
        retriever: Encodes and searches.
        material: Queries and passages.
        depth: Passages a query.
        folder: Where the parts lie; only they lie there.
        part_passages: Passages a part.
    """

    retriever: Retriever
    material: Material
    depth: int
    folder: Path
    part_passages: int

    @property
    def is_exact(self) -> bool:
        """Whether the search can be cut into parts."""
        return isinstance(self.retriever.search, ExactSearch)

    @cached_property
    def parts(self) -> Parts:
        """The parts, named by all that shapes their content."""
        passages = len(self.material.passage_id)
        size = self.part_passages if self.is_exact else passages
        return Parts(self.folder, self._key(), passages, size)

    def _key(self) -> str:
        search, encoding = self.retriever.search, asdict(self.retriever.encoding)
        del encoding["device"]
        return settings_key(
            {name: fingerprint(path) for name, path in self.material.inputs.items()}
            | {"encoder": encoder_fingerprint(self.retriever.encoder)}
            | {"template": self.material.template, "depth": self.depth}
            | {"encoding": encoding, "search": described(search)}
        )

    def compute(self, worker: Shard) -> None:
        """Computes a worker's parts that are not finished.

        Args:
            worker: Whose parts.
        """
        todo = self.parts.todo(worker)
        mine = len(self.parts.ranges()[worker.index - 1 :: worker.of])
        if others := self.parts.others():
            logger.info("%s: %d parts of other settings", self.folder, others)
        if mine > len(todo):
            logger.info("retrieve: %d of %d parts were done", mine - len(todo), mine)
        if not todo:
            return
        tokenization, material = self.retriever.encoder.tokenization, self.material
        _, passages = load_corpus(
            material.corpus,
            tokenization,
            material.template,
            material.cache,
            material.left_out,
        )
        texts = material.asked.lazy().select("text")
        queries = token_store(texts, tokenization, "query", material.cache)
        embedding = self.retriever.embed(queries)
        for number, rows in enumerate(todo, 1 + mine - len(todo)):
            label = f"encode passages, part {number} of {mine}"
            self.retriever.index(passages, np.arange(rows.start, rows.stop), label)
            depth = min(self.depth, len(rows))
            top = self.retriever.search.search(embedding, depth)
            self.parts.write(rows, _frame(top, rows.start), {"passages": len(rows)})

    def run(self) -> pl.DataFrame:
        """The run of all parts, which must be finished; one at a time is in memory."""
        best: list[TopK] = []
        for rows in self.parts.ranges():
            frame = pl.read_parquet(self.parts.path(rows))
            table = [torch.tensor(frame[name].to_numpy()) for name in TopK._fields]
            best = [merge_top_k([*best, TopK(*table)], self.depth)]
        return run_frame(
            self.material.asked["query_id"], self.material.passage_id, best[0]
        )


def _frame(top: TopK, start: int) -> pl.DataFrame:
    """A part's columns: its rows become those of the corpus, -1 stays for none."""
    rows = torch.where(top.rows < 0, top.rows, top.rows + start)
    return pl.DataFrame(
        {"scores": top.scores.cpu().numpy(), "rows": rows.cpu().numpy()}
    )

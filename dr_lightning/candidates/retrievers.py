"""What finds candidates: an encoder, words, given runs, or several of them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from dr_lightning.candidates.bm25 import BM25
from dr_lightning.candidates.dense import DenseSearch
from dr_lightning.candidates.given import read_candidates
from dr_lightning.candidates.hard_negatives import HardNegatives
from dr_lightning.candidates.material import Material
from dr_lightning.parts import Shard


class Found(NamedTuple):
    """What one retriever found.

    Attributes:
        name: Of the retriever, or the file of a given run.
        run: Schema of runs.
        left_out: Passages of a given run that are no candidates here.
    """

    name: str
    run: pl.DataFrame
    left_out: int = 0


@dataclass(frozen=True)
class Retrievers:
    """What finds candidates.

    Args:
        dense: The search by an encoder; null = none.
        bm25: Settings of the search by words; null = none.
        runs: Runs that are given.
    """

    dense: DenseSearch | None = None
    bm25: BM25 | None = None
    runs: list[Path] = field(default_factory=list)

    @property
    def settings(self) -> dict[str, Any]:
        """What a manifest tells of them; given runs are among its inputs."""
        told: dict[str, Any] = {"bm25": None if self.bm25 is None else self.bm25.told}
        if self.dense is None:
            return told | {"encoder": None}
        retriever = self.dense.retriever
        return told | {
            "encoder": retriever.encoder.name,
            "precision": retriever.encoding.precision,
            "search": type(retriever.search).__name__,
        }

    def check(self, worker: Shard, negatives: HardNegatives | None) -> None:
        """Refuses what cannot be retrieved, shared or filtered.

        Args:
            worker: Whose share.
            negatives: Which candidates shall be left.

        Raises:
            ValueError: If there is no retriever, workers have nothing to share, or
                scores are to be compared that fusion made of ranks.
        """
        several = (self.dense is not None) + (self.bm25 is not None) + len(self.runs)
        if not several:
            msg = (
                "retrieve needs something that finds candidates, but got none. Give "
                "--encoder.backbone DIR, --bm25 '{}', --runs '[FILE]', or several."
            )
            raise ValueError(msg)
        if worker.of > 1 and (self.dense is None or not self.dense.is_exact):
            msg = (
                f"shard {worker} shares the passages that an encoder embeds for an "
                "exact search, but there is no such search. Leave out --shard."
            )
            raise ValueError(msg)
        if several > 1 and negatives is not None and negatives.on_scores:
            msg = (
                f"negatives: {', '.join(negatives.on_scores)} cannot be used with "
                f"{several} retrievers: the scores of a fused list come from ranks and "
                "tell no similarity. Use range_min and range_max, or one retriever."
            )
            raise ValueError(msg)

    def read(self, material: Material) -> list[Found]:
        """The given runs.

        Args:
            material: Queries and passages.
        """
        names = material.asked["query_id"], material.passage_id
        return [Found(str(path), *read_candidates(path, *names)) for path in self.runs]

    def search(self, material: Material, depth: int) -> list[Found]:
        """What is found by the encoder, whose parts are finished, and by words.

        Args:
            material: Queries and passages.
            depth: Passages a query.
        """
        found = []
        if self.dense is not None:
            found.append(Found("dense", self.dense.run()))
        if self.bm25 is not None:
            found.append(Found("bm25", self.bm25.run(material, depth)))
        return found

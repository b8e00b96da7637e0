"""Which options of `retrieve` fit together; refused before any work is done."""

from dataclasses import dataclass
from pathlib import Path

from dr_lightning.candidates.hard_negatives import HardNegatives
from dr_lightning.parts import Shard


@dataclass(frozen=True)
class Retrievers:
    """What candidates come from.

    Args:
        dense: Whether there is an encoder.
        exact: Whether its search is exact.
        bm25: Whether there is BM25.
        runs: Runs that are given.
    """

    dense: bool
    exact: bool
    bm25: bool
    runs: list[Path]

    def check(self, worker: Shard, negatives: HardNegatives | None) -> None:
        """Refuses what cannot be retrieved, shared or filtered.

        Args:
            worker: Whose share.
            negatives: Which candidates shall be left.

        Raises:
            ValueError: If there is no retriever, workers have nothing to share, or
                scores are to be compared that fusion made of ranks.
        """
        several = self.dense + self.bm25 + len(self.runs)
        if not several:
            msg = (
                "retrieve needs something that finds candidates, but got none. Give "
                "--encoder.backbone DIR, --bm25 '{}', --runs '[FILE]', or several."
            )
            raise ValueError(msg)
        if worker.of > 1 and not (self.dense and self.exact):
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


def check_numbers(
    depth: int, source_depth: int | None, fusion_k: int, part_passages: int
) -> None:
    """Refuses numbers that are too small.

    Args:
        depth: Passages a query.
        source_depth: How deep a source passage may stand.
        fusion_k: The constant of fusion.
        part_passages: Passages a part.

    Raises:
        ValueError: If one is.

    Example:
        >>> check_numbers(100, None, 0, 50_000)
    """
    least = {"depth": (depth, 1), "fusion_k": (fusion_k, 0)}
    least |= {"part_passages": (part_passages, 1)}
    if source_depth is not None:
        least["source_depth"] = (source_depth, 1)
    for name, (value, bound) in least.items():
        if value < bound:
            msg = f"{name} must be at least {bound}, but got {value}."
            raise ValueError(msg)

"""Candidates of each query: found by several retrievers, fused, filtered.

`dense` and `bm25` search a corpus, `given` reads runs of other systems, `fusion` makes
one run of several, `consistency` and `mining` filter it. Only `dense` writes files, the
parts that a stopped command or several workers leave; the `retrieve` stage writes runs.
"""

from dr_lightning.candidates.bm25 import BM25
from dr_lightning.candidates.hard_negatives import HardNegatives

__all__ = ["BM25", "HardNegatives"]

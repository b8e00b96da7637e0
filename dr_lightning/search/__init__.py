"""Passages with the highest inner products: exact in torch, or any FAISS index."""

from dr_lightning.search.exact import ExactSearch
from dr_lightning.search.faiss_index import FaissSearch
from dr_lightning.search.top_k import Embeddings, Search, TopK, described, merge_top_k

__all__ = [
    "Embeddings",
    "ExactSearch",
    "FaissSearch",
    "Search",
    "TopK",
    "described",
    "merge_top_k",
]

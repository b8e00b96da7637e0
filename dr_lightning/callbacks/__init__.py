"""Callbacks: retrieval metrics in the loop, exports and the run summary."""

from dr_lightning.callbacks.evaluate_base import EvaluateBase
from dr_lightning.callbacks.evaluate_retrieval import EvaluateRetrieval
from dr_lightning.callbacks.export_encoder import ExportEncoder
from dr_lightning.callbacks.run_summary import RunSummary
from dr_lightning.callbacks.stop_early import StopEarly
from dr_lightning.callbacks.write_embeddings import WriteEmbeddings

__all__ = [
    "EvaluateBase",
    "EvaluateRetrieval",
    "ExportEncoder",
    "RunSummary",
    "StopEarly",
    "WriteEmbeddings",
]

"""Callbacks: retrieval metrics in the loop, exports and the run summary."""

from dr_lightning.callbacks.average_weights import AverageWeights
from dr_lightning.callbacks.blend_with_base import BlendWithBase
from dr_lightning.callbacks.embedding_drift import EmbeddingDrift
from dr_lightning.callbacks.evaluate_base import EvaluateBase
from dr_lightning.callbacks.evaluate_retrieval import EvaluateRetrieval
from dr_lightning.callbacks.examples import Examples
from dr_lightning.callbacks.export_encoder import ExportEncoder
from dr_lightning.callbacks.find_learning_rate import FindLearningRate
from dr_lightning.callbacks.gradient_norm import GradientNorm
from dr_lightning.callbacks.run_summary import RunSummary
from dr_lightning.callbacks.speed import Speed
from dr_lightning.callbacks.stop_early import StopEarly
from dr_lightning.callbacks.write_embeddings import WriteEmbeddings

__all__ = [
    "AverageWeights",
    "BlendWithBase",
    "EmbeddingDrift",
    "EvaluateBase",
    "EvaluateRetrieval",
    "Examples",
    "ExportEncoder",
    "FindLearningRate",
    "GradientNorm",
    "RunSummary",
    "Speed",
    "StopEarly",
    "WriteEmbeddings",
]

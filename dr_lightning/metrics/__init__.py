"""Retrieval measures with trec_eval's semantics, vectorised over queries."""

from dr_lightning.metrics.judgements import Judgements
from dr_lightning.metrics.measures import Measure
from dr_lightning.metrics.retrieval import RetrievalMetrics
from dr_lightning.metrics.runs import evaluate_run, means

__all__ = ["Judgements", "Measure", "RetrievalMetrics", "evaluate_run", "means"]

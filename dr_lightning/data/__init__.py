"""Token store, batches and the LightningDataModules."""

from dr_lightning.data.batches import ClusterBatches, PlainBatches, SourceBatches
from dr_lightning.data.lists_module import TrainingListDataModule
from dr_lightning.data.retrieval import RetrievalDataModule

__all__ = [
    "ClusterBatches",
    "PlainBatches",
    "RetrievalDataModule",
    "SourceBatches",
    "TrainingListDataModule",
]

"""What a bi-encoder learns from: embeddings and teacher scores in, one number out."""

from dr_lightning.objectives.info_nce import InfoNCE
from dr_lightning.objectives.listwise_kl import ListwiseKL
from dr_lightning.objectives.margin_mse import MarginMSE
from dr_lightning.objectives.objective import Objective
from dr_lightning.objectives.weighted_sum import WeightedSum

__all__ = ["InfoNCE", "ListwiseKL", "MarginMSE", "Objective", "WeightedSum"]

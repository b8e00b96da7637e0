"""Teachers: models that judge how relevant a passage is to a query."""

from dr_lightning.models.teachers.sequence_classifier import SequenceClassifier
from dr_lightning.models.teachers.teacher import Teacher
from dr_lightning.models.teachers.vllm_score import VLLMScore

__all__ = ["SequenceClassifier", "Teacher", "VLLMScore"]

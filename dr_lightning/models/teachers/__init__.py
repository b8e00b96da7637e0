"""Teachers: models that judge how relevant a passage is to a query."""

from dr_lightning.models.teachers.decoder_reranker import DecoderReranker
from dr_lightning.models.teachers.encoder_score import EncoderScore
from dr_lightning.models.teachers.monot5 import MonoT5
from dr_lightning.models.teachers.rankt5 import RankT5
from dr_lightning.models.teachers.sequence_classifier import SequenceClassifier
from dr_lightning.models.teachers.teacher import ReadsCorpus, Teacher
from dr_lightning.models.teachers.vllm_score import VLLMScore

__all__ = [
    "DecoderReranker",
    "EncoderScore",
    "MonoT5",
    "RankT5",
    "ReadsCorpus",
    "SequenceClassifier",
    "Teacher",
    "VLLMScore",
]

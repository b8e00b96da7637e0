"""What writes the queries; imported here so that bare names work on a command line."""

from dr_lightning.generation.engines.endpoint import OpenAICompatible
from dr_lightning.generation.engines.extractive import Extractive
from dr_lightning.generation.engines.fake import Fake
from dr_lightning.generation.engines.huggingface import HuggingFace
from dr_lightning.generation.engines.offline import VLLM

__all__ = ["VLLM", "Extractive", "Fake", "HuggingFace", "OpenAICompatible"]

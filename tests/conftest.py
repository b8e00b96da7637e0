"""What every test shares: no network, quiet tokenizers, and tiny models on disk."""

import os
from pathlib import Path

import pytest

# Read by the libraries when they are imported, hence before any test module is.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

from tests.tiny_models import chat_tokenizer, save_llama

ASSETS = Path(__file__).parent / "assets"


@pytest.fixture(scope="session")
def assets() -> Path:
    """The folder of committed test files."""
    return ASSETS


@pytest.fixture(scope="session")
def tiny_encoder_dir() -> Path:
    """A random BERT, 2 layers of 32, with a WordPiece tokenizer."""
    return ASSETS / "encoder"


@pytest.fixture(scope="session")
def tiny_teacher_dir() -> Path:
    """The same with a one-logit head for (query, passage) pairs."""
    return ASSETS / "teacher"


@pytest.fixture(scope="session")
def tiny_chat_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama with a chat template; it ends an answer after some ten tokens."""
    return save_llama(tmp_path_factory.mktemp("chat"), chat_tokenizer(), ends=40)

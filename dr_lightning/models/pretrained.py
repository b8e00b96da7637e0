"""Loads tokenizers and models of transformers; weights that are missing are refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase
from transformers.utils import logging

from dr_lightning.models.weights import locate


def load_tokenizer(
    model: str, trust_remote_code: bool = False
) -> PreTrainedTokenizerBase:
    """The tokenizer of a model.

    Args:
        model: A model folder, a hub name, or `package:NAME/FOLDER`.
        trust_remote_code: Whether to run code that comes with the model.
    """
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
        locate(model), trust_remote_code=trust_remote_code
    )
    return tokenizer


def load_model(
    kind: Any,
    model: str,
    needed: str,
    dtype: torch.dtype = torch.float32,
    trust_remote_code: bool = False,
) -> Any:
    """Loads a model whose weights are all there.

    Args:
        kind: An auto class of transformers.
        model: A model folder, a hub name, or `package:NAME/FOLDER`.
        needed: What the model has to be, for the message.
        dtype: Of the weights.
        trust_remote_code: Whether to run code that comes with the model.

    Raises:
        ValueError: If weights are missing.
    """
    folder = locate(model)
    with quiet_loading():
        loaded, report = kind.from_pretrained(
            folder,
            dtype=dtype,
            trust_remote_code=trust_remote_code,
            output_loading_info=True,
        )
    if report["missing_keys"]:
        first = sorted(report["missing_keys"])[0]
        msg = (
            f"the weights of {folder!r} lack {len(report['missing_keys'])} parameters "
            f"of {needed}, {first!r} among them: they would be random. Give a model "
            "that was trained as such."
        )
        raise ValueError(msg)
    return loaded.eval()


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Keeps transformers from a bar, and from telling of weights, which we check."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)

"""What an encoder does behind its backbone, as sentence-transformers writes it down."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from dr_lightning.models.pooling import Pooling

logger = logging.getLogger(__name__)

POOLINGS: dict[str, Pooling] = {"cls": "cls", "mean": "mean", "lasttoken": "last"}
# Dropout is nothing at inference, and in training the encoder's own.
KINDS = ("Transformer", "Pooling", "Normalize", "Dropout")


def paths_by_kind(
    file: str, modules: Sequence[Mapping[str, Any]], replaced: bool
) -> dict[str, str]:
    """Where the settings of each module lie.

    Args:
        file: The list of modules, for messages.
        modules: Its content.
        replaced: Whether pooling and normalize are given, so that the modules' own do
            not count.

    Raises:
        ValueError: If a module changes embeddings in a way that is not known here, and
            `replaced` is false.
    """
    kinds = [_kind(module["type"]) for module in modules]
    unknown = [m["type"] for m, kind in zip(modules, kinds, strict=True) if not kind]
    if unknown and replaced:
        logger.warning(
            "%s: %s left out, as pooling and normalize are given: embeddings are not "
            "those of sentence-transformers",
            file,
            " and ".join(unknown),
        )
    elif unknown:
        msg = (
            f"{file}: has {' and '.join(unknown)}, without which embeddings would be "
            f"others; accepted are sentence-transformers' {', '.join(KINDS)}. Take "
            "another model, or set both pooling and normalize to leave it out."
        )
        raise ValueError(msg)
    pairs = zip(kinds, modules, strict=True)
    return {kind: module["path"] for kind, module in pairs if kind}


def pooling_of(file: str, config: Mapping[str, Any]) -> Pooling | None:
    """How a Pooling module pools; None where its settings do not tell.

    Args:
        file: Its settings, for messages.
        config: Their content, of any version of sentence-transformers.

    Raises:
        ValueError: If it pools in several ways, in one that is not known here, or over
            a part of the tokens.
    """
    modes = _modes(config)
    if not modes:
        return None
    whole = config.get("include_prompt", True)
    if len(modes) > 1 or modes[0] not in POOLINGS or not whole:
        how = " + ".join(modes) + ("" if whole else ", without the prompt's tokens")
        msg = (
            f"{file}: pools by {how}; accepted is one of {', '.join(POOLINGS)}, over "
            "all tokens. Take another model, or set pooling to cls, mean or last in "
            "its place."
        )
        raise ValueError(msg)
    return POOLINGS[modes[0]]


def compares_cosines(file: str, config: Mapping[str, Any]) -> bool:
    """Whether embeddings of any length are meant for cosines, and not dot products.

    Args:
        file: The model's settings, for messages.
        config: Their content.

    Raises:
        ValueError: If they are meant for something else.
    """
    similarity = config.get("similarity_fn_name")
    if similarity is None:
        logger.info(
            "%s: tells no similarity_fn_name, and no module scales embeddings; taken "
            "for cosine, as sentence-transformers does. For a model made for dot "
            "products set normalize to false",
            file,
        )
        return True
    if similarity not in ("cosine", "dot"):
        msg = (
            f"{file}: similarity_fn_name is {similarity!r}; accepted are cosine and "
            "dot. Take another model, or set normalize to compare cosines (true) or "
            "dot products (false)."
        )
        raise ValueError(msg)
    return bool(similarity == "cosine")


def _kind(path: str) -> str | None:
    """The class of a module, if it is a known one; a model's own code is not."""
    package, _, rest = path.partition(".")
    kind = rest.rpartition(".")[2]
    return kind if package == "sentence_transformers" and kind in KINDS else None


def _modes(config: Mapping[str, Any]) -> list[str]:
    if "pooling_mode" in config:
        given = config["pooling_mode"]
        return [given] if isinstance(given, str) else list(given)
    prefix = "pooling_mode_"
    return [
        key.removeprefix(prefix).removesuffix("_tokens").removesuffix("_token")
        for key, value in config.items()
        if key.startswith(prefix) and value is True
    ]

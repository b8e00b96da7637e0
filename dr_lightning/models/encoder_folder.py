"""How a saved encoder pools and prompts, in our file and sentence-transformers'."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from transformers.utils.hub import cached_file

from dr_lightning.models.pooling import Pooling
from dr_lightning.models.tokenization import TextFormat

ENCODER_FILE = "encoder.json"
_POOLINGS: dict[str, Pooling] = {"cls": "cls", "mean": "mean", "lasttoken": "last"}


@dataclass(frozen=True)
class EncoderSettings:
    """What an encoder is besides its weights.

    Args:
        pooling: How token vectors become one; None where the folder does not tell.
        normalize: Whether vectors have length 1.
        query: Format of queries.
        passage: Format of passages.
    """

    pooling: Pooling | None = None
    normalize: bool = True
    query: TextFormat = field(default_factory=lambda: TextFormat("", 64))
    passage: TextFormat = field(default_factory=lambda: TextFormat("", 512))


def read_settings(name: str) -> EncoderSettings:
    """Settings saved beside a model's weights.

    Looks for `encoder.json` (what this project exports), then for the files of
    sentence-transformers; with neither, pooling is unknown and the rest is the default.

    Args:
        name: A model folder or hub name.
    """
    ours = _json(name, ENCODER_FILE)
    if ours is not None:
        return EncoderSettings(
            pooling=ours["pooling"],
            normalize=ours["normalize"],
            query=TextFormat(**ours["query"]),
            passage=TextFormat(**ours["passage"]),
        )
    modules = _json(name, "modules.json")
    if modules is None:
        return EncoderSettings()
    return _from_sentence_transformers(name, modules)


def write_settings(
    folder: Path, settings: EncoderSettings, dim: int, max_tokens: int
) -> None:
    """Writes `encoder.json` and the files that sentence-transformers loads.

    Args:
        folder: The model folder, which has weights and tokenizer already.
        settings: What `read_settings` gives back.
        dim: Dimensions of an embedding.
        max_tokens: Tokens of a passage, its prompt and special tokens included:
            sentence-transformers has one limit for queries and passages.

    Raises:
        ValueError: If the pooling is not set.
    """
    if settings.pooling is None:
        msg = "pooling must be one of cls, mean, last to be saved, but got None."
        raise ValueError(msg)
    _dump(folder / ENCODER_FILE, asdict(settings))
    kinds = ["Transformer", "Pooling", *(["Normalize"] if settings.normalize else [])]
    modules = [
        {
            "idx": index,
            "name": str(index),
            "path": "" if index == 0 else f"{index}_{kind}",
            "type": f"sentence_transformers.models.{kind}",
        }
        for index, kind in enumerate(kinds)
    ]
    _dump(folder / "modules.json", modules)
    _dump(
        folder / "sentence_bert_config.json",
        {"max_seq_length": max_tokens, "do_lower_case": False},
    )
    prompts = {"query": settings.query.prompt, "document": settings.passage.prompt}
    _dump(
        folder / "config_sentence_transformers.json",
        {"prompts": prompts, "similarity_fn_name": "cosine"},
    )
    mode = {ours: theirs for theirs, ours in _POOLINGS.items()}[settings.pooling]
    pooling = {"word_embedding_dimension": dim, "pooling_mode": mode}
    (folder / "1_Pooling").mkdir(exist_ok=True)
    _dump(folder / "1_Pooling" / "config.json", pooling)


def _from_sentence_transformers(
    name: str, modules: list[dict[str, Any]]
) -> EncoderSettings:
    kinds = [module["type"].rsplit(".", 1)[-1] for module in modules]
    paths = dict(zip(kinds, [module["path"] for module in modules], strict=True))
    pooling = None
    if "Pooling" in paths:
        config = _json(name, f"{paths['Pooling']}/config.json") or {}
        pooling = _pooling_mode(config)
    limit = (_json(name, "sentence_bert_config.json") or {}).get("max_seq_length")
    prompts = (_json(name, "config_sentence_transformers.json") or {}).get(
        "prompts", {}
    )
    passage = prompts.get("document", prompts.get("passage", ""))
    return EncoderSettings(
        pooling=pooling,
        normalize="Normalize" in kinds,
        query=TextFormat(prompts.get("query", ""), 64),
        passage=TextFormat(passage, limit or 512),
    )


def _pooling_mode(config: dict[str, Any]) -> Pooling | None:
    if "pooling_mode" in config:
        return _POOLINGS.get(config["pooling_mode"])
    for key, value in config.items():
        mode = key.removeprefix("pooling_mode_").removesuffix("_tokens")
        mode = mode.removesuffix("_token")
        if key.startswith("pooling_mode_") and value is True:
            return _POOLINGS.get(mode)
    return None


def _json(name: str, file: str) -> Any:
    if Path(name).is_dir():
        path = Path(name) / file
    else:
        found = cached_file(
            name,
            file,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
            _raise_exceptions_for_gated_repo=False,
        )
        if found is None:
            return None
        path = Path(found)
    return json.loads(path.read_text("utf-8")) if path.is_file() else None


def _dump(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")

"""How a saved encoder pools and prompts, in our file and sentence-transformers'."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from transformers.utils.hub import cached_file

from dr_lightning.models.pooling import Pooling
from dr_lightning.models.sentence_modules import POOLINGS, paths_by_kind, pooling_of
from dr_lightning.models.tokenization import TextFormat

ENCODER_FILE = "encoder.json"


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


def read_settings(
    name: str, pooling: Pooling | None = None, normalize: bool | None = None
) -> EncoderSettings:
    """Settings saved beside a model's weights.

    Looks for `encoder.json` (what this project exports), then for the files of
    sentence-transformers; with neither, pooling is unknown and the rest is the default.

    Args:
        name: A model folder or hub name.
        pooling: Given in place of the saved one, which is not read then.
        normalize: Given in place of the saved one. With both given, no module that
            sentence-transformers would run is refused.

    Raises:
        ValueError: If the files tell of modules or poolings that are not known here,
            and none is given in their place.
    """
    ours = _json(name, ENCODER_FILE)
    modules = None if ours else _json(name, "modules.json")
    saved = EncoderSettings()
    if ours:
        saved = EncoderSettings(
            pooling=ours["pooling"],
            normalize=ours["normalize"],
            query=TextFormat(**ours["query"]),
            passage=TextFormat(**ours["passage"]),
        )
    elif modules:
        saved = _from_sentence_transformers(name, modules, pooling, normalize)
    return replace(
        saved,
        pooling=pooling or saved.pooling,
        normalize=saved.normalize if normalize is None else normalize,
    )


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
    mode = {ours: theirs for theirs, ours in POOLINGS.items()}[settings.pooling]
    pooling = {"word_embedding_dimension": dim, "pooling_mode": mode}
    (folder / "1_Pooling").mkdir(exist_ok=True)
    _dump(folder / "1_Pooling" / "config.json", pooling)


def _from_sentence_transformers(
    name: str,
    modules: list[dict[str, Any]],
    pooling: Pooling | None,
    normalize: bool | None,
) -> EncoderSettings:
    replaced = pooling is not None and normalize is not None
    paths = paths_by_kind(f"{name}/modules.json", modules, replaced)
    if pooling is None and "Pooling" in paths:
        file = f"{paths['Pooling']}/config.json"
        pooling = pooling_of(f"{name}/{file}", _json(name, file) or {})
    limit = (_json(name, "sentence_bert_config.json") or {}).get("max_seq_length")
    prompts = (_json(name, "config_sentence_transformers.json") or {}).get(
        "prompts", {}
    )
    passage = prompts.get("document", prompts.get("passage", ""))
    return EncoderSettings(
        pooling=pooling,
        normalize="Normalize" in paths,
        query=TextFormat(prompts.get("query", ""), 64),
        passage=TextFormat(passage, limit or 512),
    )


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

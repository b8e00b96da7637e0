"""How a saved encoder pools and prompts, in our file and sentence-transformers'."""

import json
from dataclasses import asdict, astuple, dataclass, field
from pathlib import Path
from typing import Any

from dr_lightning.models.model_files import ModelFiles
from dr_lightning.models.pooling import Pooling
from dr_lightning.models.sentence_modules import (
    POOLINGS,
    compares_cosines,
    paths_by_kind,
    pooling_of,
)
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


@dataclass(frozen=True)
class GivenSettings:
    """What a user says of an encoder; None is left to the model's files.

    Args:
        pooling: How token vectors become one.
        normalize: Whether vectors have length 1.
        query: Format of queries.
        passage: Format of passages.
    """

    pooling: Pooling | None = None
    normalize: bool | None = None
    query: TextFormat = field(default_factory=TextFormat)
    passage: TextFormat = field(default_factory=TextFormat)

    @property
    def embeds(self) -> bool:
        """Whether they tell all that is done behind the backbone."""
        return self.pooling is not None and self.normalize is not None

    @property
    def whole(self) -> bool:
        """Whether they leave nothing to the model's files."""
        formats = (*astuple(self.query), *astuple(self.passage))
        return self.embeds and None not in formats

    def over(self, saved: EncoderSettings) -> EncoderSettings:
        """These settings, with what they leave open taken from saved ones.

        Args:
            saved: What the model's files tell.
        """
        return EncoderSettings(
            pooling=self.pooling or saved.pooling,
            normalize=saved.normalize if self.normalize is None else self.normalize,
            query=self.query.over(saved.query),
            passage=self.passage.over(saved.passage),
        )


def read_settings(
    files: ModelFiles, given: GivenSettings | None = None
) -> EncoderSettings:
    """Settings of an encoder: the given ones, then those saved beside its weights.

    Looks for `encoder.json` (what this project exports), then for the files of
    sentence-transformers; with neither, pooling is unknown and the rest is the default.
    Nothing is looked for where all settings are given.

    Args:
        files: Those of the model.
        given: What stands in place of the saved settings; None = nothing.

    Raises:
        ValueError: If the hub's files cannot be read, or tell of modules or poolings
            that are not known here and that `given` does not replace.
    """
    given = given or GivenSettings()
    if given.whole:
        return given.over(EncoderSettings())
    ours = files.read(ENCODER_FILE)
    if ours is not None:
        saved = EncoderSettings(
            pooling=ours["pooling"],
            normalize=ours["normalize"],
            query=TextFormat(**ours["query"]),
            passage=TextFormat(**ours["passage"]),
        )
    else:
        saved = _from_sentence_transformers(files, given)
    return given.over(saved)


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
    similarity = "cosine" if settings.normalize else "dot"
    _dump(
        folder / "config_sentence_transformers.json",
        {"prompts": prompts, "similarity_fn_name": similarity},
    )
    mode = {ours: theirs for theirs, ours in POOLINGS.items()}[settings.pooling]
    pooling = {"word_embedding_dimension": dim, "pooling_mode": mode}
    (folder / "1_Pooling").mkdir(exist_ok=True)
    _dump(folder / "1_Pooling" / "config.json", pooling)


def _from_sentence_transformers(
    files: ModelFiles, given: GivenSettings
) -> EncoderSettings:
    modules = files.read("modules.json")
    if modules is None:
        return EncoderSettings()
    paths = paths_by_kind(f"{files.name}/modules.json", modules, given.embeds)
    pooling = None
    if given.pooling is None and "Pooling" in paths:
        file = f"{paths['Pooling']}/config.json"
        pooling = pooling_of(f"{files.name}/{file}", files.read(file) or {})
    limit = (files.read("sentence_bert_config.json") or {}).get("max_seq_length")
    file = "config_sentence_transformers.json"
    config = files.read(file) or {}
    normalize = "Normalize" in paths
    if not normalize and given.normalize is None:
        normalize = compares_cosines(f"{files.name}/{file}", config)
    prompts = config.get("prompts", {})
    passage = prompts.get("document", prompts.get("passage", ""))
    return EncoderSettings(
        pooling=pooling,
        normalize=normalize,
        query=TextFormat(prompts.get("query", ""), 64),
        passage=TextFormat(passage, limit or 512),
    )


def _dump(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")

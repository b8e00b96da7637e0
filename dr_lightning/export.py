"""Writes an encoder as a model folder with a card."""

import json
from pathlib import Path
from typing import Any

import torch

from dr_lightning.models.encoder import Encoder

_PREFIX = "encoder."


def load_weights(encoder: Encoder, checkpoint: Path) -> int:
    """Puts a checkpoint's weights into an encoder.

    Args:
        encoder: Of the architecture that was trained.
        checkpoint: A file that Lightning's `ModelCheckpoint` wrote.

    Returns:
        The optimizer step of the checkpoint.

    Raises:
        ValueError: If the file is not such a checkpoint.
    """
    if not checkpoint.is_file():
        msg = f"{checkpoint}: no such checkpoint. Give a .ckpt file that `fit` wrote."
        raise ValueError(msg)
    content = torch.load(checkpoint, map_location="cpu", weights_only=False)
    weights = {
        key.removeprefix(_PREFIX): value
        for key, value in content.get("state_dict", {}).items()
        if key.startswith(_PREFIX)
    }
    if not weights:
        msg = f"{checkpoint}: has no weights named {_PREFIX}*; was it written by `fit`?"
        raise ValueError(msg)
    encoder.load_state_dict(weights)
    return int(content["global_step"])


def write_model(encoder: Encoder, folder: Path, facts: dict[str, Any]) -> None:
    """Writes weights, tokenizer, prompts, pooling and a model card.

    Args:
        encoder: What is written.
        folder: Where to; made if need be.
        facts: What the card tells: data, settings, scores.
    """
    encoder.save(folder)
    (folder / "README.md").write_text(card(encoder, facts), "utf-8")


def card(encoder: Encoder, facts: dict[str, Any]) -> str:
    """The model card: how to use the model, how it was made, what it scored.

    Args:
        encoder: The model.
        facts: Data, settings and scores, as JSON can hold them.
    """
    settings = encoder.settings
    lines = [
        "---",
        "library_name: sentence-transformers",
        "pipeline_tag: sentence-similarity",
        "tags: [dense-retrieval, distillation, dr_lightning]",
        "---",
        "",
        "# A specialised retriever",
        "",
        f"Fine-tuned from `{Path(encoder.name).name}` with dr_lightning on one corpus.",
        "",
        "```python",
        "from sentence_transformers import SentenceTransformer",
        "",
        "model = SentenceTransformer('.')",
        "query = model.encode('how do I ...', prompt_name='query')",
        "passage = model.encode('...', prompt_name='document')",
        "```",
        "",
        "| | query | passage |",
        "|---|---|---|",
        f"| prompt | `{settings.query.prompt!r}` | `{settings.passage.prompt!r}` |",
        f"| tokens | {settings.query.max_tokens} | {settings.passage.max_tokens} |",
        "",
        f"Pooling: {settings.pooling}; length 1: {settings.normalize}.",
        "",
        "## How it was made",
        "",
        "```json",
        json.dumps(facts, indent=2, ensure_ascii=False),
        "```",
        "",
    ]
    return "\n".join(lines)

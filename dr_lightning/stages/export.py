"""`export`: a checkpoint as a model folder."""

import json
import logging
from pathlib import Path

import yaml
from jsonargparse import ArgumentParser

from dr_lightning.export import load_weights, write_model
from dr_lightning.models.encoder import Encoder

logger = logging.getLogger(__name__)


def export(
    checkpoint: Path, out: Path, run_config: Path | None = None, overwrite: bool = False
) -> None:
    """Turn a checkpoint into a model folder.

    sentence-transformers and transformers load the folder, and so does `--model` of
    `search` and `evaluate`.

    Args:
        checkpoint: A .ckpt file that `fit` wrote.
        out: The folder.
        run_config: The run's config.yaml; null = the one above the checkpoint's folder.
        overwrite: Whether an existing folder may be written to.
    """
    if out.exists() and not overwrite:
        msg = f"{out} exists. Choose another folder or set overwrite: true."
        raise ValueError(msg)
    if not checkpoint.is_file():
        msg = f"{checkpoint}: no such checkpoint. Give a .ckpt file that `fit` wrote."
        raise ValueError(msg)
    config = run_config or checkpoint.parent.parent / "config.yaml"
    if not config.is_file():
        msg = f"{config}: no such file. Give the run's config.yaml with --run_config."
        raise ValueError(msg)
    encoder = encoder_of(config)
    step = load_weights(encoder, checkpoint)
    run = config.parent / "run.json"
    facts = {"weights": checkpoint.name, "step": step}
    if run.is_file():
        facts["run"] = json.loads(run.read_text("utf-8"))
    write_model(encoder, out, facts)
    logger.info("export: %s (step %d) -> %s", checkpoint, step, out)


def encoder_of(config: Path) -> Encoder:
    """The encoder that a run's config describes, with its base weights.

    Args:
        config: A config.yaml that `fit` wrote.
    """
    settings = yaml.safe_load(config.read_text("utf-8"))
    parser = ArgumentParser()
    parser.add_argument("--encoder", type=Encoder)
    parsed = parser.parse_object({"encoder": settings["model"]["encoder"]})
    encoder: Encoder = parser.instantiate(parsed).encoder
    return encoder

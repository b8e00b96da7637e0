"""An encoder's fingerprint follows what it computes, not where it lies."""

import shutil
from pathlib import Path

import torch

from dr_lightning.models.encoder import Encoder
from dr_lightning.models.fingerprint import encoder_fingerprint
from dr_lightning.models.tokenization import TextFormat


def test_a_copy_has_the_same_fingerprint(
    tiny_encoder_dir: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_encoder_dir, tmp_path / "copy")
    folders = tiny_encoder_dir, tmp_path / "copy"
    encoders = [Encoder(str(folder), pooling="mean") for folder in folders]
    assert len({encoder_fingerprint(encoder) for encoder in encoders}) == 1


def test_weights_pooling_prompts_and_limits_count(tiny_encoder_dir: Path) -> None:
    name = str(tiny_encoder_dir)
    encoders = [
        Encoder(name, pooling="mean"),
        Encoder(name, pooling="cls"),
        Encoder(name, pooling="mean", query=TextFormat(prompt="find: ")),
        Encoder(name, pooling="mean", passage=TextFormat(max_tokens=9)),
        Encoder(name, pooling="mean"),
    ]
    with torch.no_grad():
        next(encoders[-1].parameters()).view(-1)[0] += 1
    assert len({encoder_fingerprint(encoder) for encoder in encoders}) == 5

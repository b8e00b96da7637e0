"""A model's digest: its files, not its place."""

import shutil
from pathlib import Path

import pytest

from dr_lightning.models.identity import EDGE, model_identity


def test_same_files_in_another_place_are_the_same_model(
    tiny_teacher_dir: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(tiny_teacher_dir, tmp_path / "copy")
    (copy / "README.md").write_text("A copy.")
    assert model_identity(str(copy)) == model_identity(str(tiny_teacher_dir))


@pytest.mark.parametrize("place", [0, 3 * EDGE - 1])
def test_change_at_either_end_of_a_large_file_is_seen(
    tmp_path: Path, place: int
) -> None:
    weights = tmp_path / "model.safetensors"
    content = bytearray(3 * EDGE)
    weights.write_bytes(content)
    before = model_identity(str(tmp_path))
    content[place] = 1
    weights.write_bytes(content)
    assert model_identity(str(tmp_path)) != before


def test_hub_name_is_told_apart_by_its_revision() -> None:
    assert model_identity("org/model", "a") != model_identity("org/model", "b")

"""A model is known by its files, wherever they lie."""

import os
import shutil
from pathlib import Path

import pytest
from huggingface_hub import constants

from dr_lightning.models import identity
from dr_lightning.models.identity import model_fingerprint, model_identity


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DR_LIGHTNING_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(identity, "LARGE", 10_000)
    return tmp_path / "cache"


@pytest.fixture
def copy(tiny_teacher_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_teacher_dir, tmp_path / "copy"))


def test_same_files_in_another_place_are_the_same_model(
    tiny_teacher_dir: Path, copy: Path
) -> None:
    (copy / "README.md").write_text("A copy.")
    assert model_identity(str(copy)) == model_identity(str(tiny_teacher_dir))


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_byte_in_the_middle_of_a_file_is_seen(copy: Path, name: str) -> None:
    before = model_identity(str(copy))
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    assert model_identity(str(copy)) != before


def test_large_files_are_read_once(
    copy: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = model_identity(str(copy))
    large = [file for file in copy.iterdir() if file.stat().st_size >= 10_000]
    assert len(list((cache / "digests").iterdir())) == len(large) > 0
    opened: list[str] = []
    plain = Path.open

    def spy(path: Path, *args: str, **options: str) -> object:
        opened.append(path.name)
        return plain(path, *args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", spy)
    assert model_identity(str(copy)) == before
    assert "config.json" in opened
    assert not {file.name for file in large} & set(opened)


def test_a_later_file_of_the_same_size_is_read_anew(copy: Path) -> None:
    before = model_identity(str(copy))
    weights = copy / "model.safetensors"
    time = weights.stat().st_mtime_ns
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    os.utime(weights, ns=(time, time + 1))
    assert model_identity(str(copy)) != before


def test_a_cache_that_cannot_be_written_changes_nothing(
    copy: Path, cache: Path
) -> None:
    before = model_identity(str(copy))
    shutil.rmtree(cache)
    cache.write_text("no folder")
    assert model_identity(str(copy)) == before


def test_hub_name_is_told_by_the_commit_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "models--org--model"
    for branch, commit in (("main", "a" * 40), ("other", "b" * 40)):
        (repository / "snapshots" / commit).mkdir(parents=True)
        (repository / "snapshots" / commit / "config.json").write_text("{}")
        (repository / "refs").mkdir(exist_ok=True)
        (repository / "refs" / branch).write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert model_identity("org/model") == f"org/model@{'a' * 40}"
    assert model_identity("org/model", "other") == f"org/model@{'b' * 40}"
    with pytest.raises(OSError, match="find them in the cached files"):
        model_identity("org/none")


def test_fingerprint_follows_settings_too(copy: Path) -> None:
    first = model_fingerprint(str(copy), ("32", 512))
    assert first == model_fingerprint(str(copy), ("32", 512))
    assert first != model_fingerprint(str(copy), ("bf16", 512))
    assert len(first) == 16

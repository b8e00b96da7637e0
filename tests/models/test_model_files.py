"""Settings of hub models: of the revision that is loaded, and never guessed offline."""

import shutil
from pathlib import Path
from unittest.mock import Mock

import pytest
from huggingface_hub import constants
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    RevisionNotFoundError,
)

from dr_lightning.models import model_files
from dr_lightning.models.encoder import Encoder, Loading
from dr_lightning.models.model_files import ModelFiles
from dr_lightning.models.tokenization import TextFormat
from dr_lightning.models.weights import check_there
from tests.training_runs import ENCODER

NAME = "their/model"
FORMAT = TextFormat("", 64)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of hub models; the tests are offline."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub" / "models--their--model"


def cache(hub: Path, folder: Path, ref: str = "main", commit: str = "a" * 40) -> Path:
    """A folder as what the cache has of a revision."""
    (hub / "refs").mkdir(parents=True, exist_ok=True)
    (hub / "refs" / ref).write_text(commit, "utf-8")
    return Path(shutil.copytree(folder, hub / "snapshots" / commit))


def export(folder: Path, prompt: str) -> Path:
    Encoder(str(ENCODER), "cls", query=TextFormat(prompt, 9)).save(folder)
    return folder


@pytest.mark.parametrize("ours", [True, False])
def test_settings_are_those_of_the_revision_that_is_loaded(
    ours: bool, hub: Path, tmp_path: Path
) -> None:
    for ref, commit in (("main", "a" * 40), ("v1", "b" * 40)):
        there = cache(hub, export(tmp_path / ref, f"{ref}: "), ref, commit)
        (there / "README.md").touch()
        if not ours:
            (there / "encoder.json").unlink()
    for revision in ("v1", "b" * 40):
        encoder = Encoder(NAME, loading=Loading(revision=revision))
        assert encoder.settings.query.prompt == "v1: "
    assert Encoder(NAME).settings.query.prompt == "main: "


def test_a_model_is_looked_for_in_its_revision(hub: Path) -> None:
    (cache(hub, ENCODER, "v1") / "README.md").touch()
    check_there(NAME, "v1")
    with pytest.raises(ValueError, match="their/model"):
        check_there(NAME)


@pytest.mark.parametrize("mark", [".gitattributes", "README.md"])
def test_a_model_that_was_fetched_whole_lacks_what_its_cache_lacks(
    mark: str, hub: Path
) -> None:
    (cache(hub, ENCODER) / mark).touch()
    assert ModelFiles(NAME).read("modules.json") is None
    assert Encoder(NAME, "mean").settings.normalize


def test_what_the_hub_did_not_have_before_is_not_there(hub: Path) -> None:
    cache(hub, ENCODER)
    noted = hub / ".no_exist" / ("a" * 40)
    noted.mkdir(parents=True)
    for file in ("encoder.json", "modules.json"):
        (noted / file).touch()
    assert Encoder(NAME, "mean").settings.normalize


def test_offline_settings_that_the_cache_does_not_tell_are_refused(hub: Path) -> None:
    """As transformers alone leaves the cache."""
    cache(hub, ENCODER)
    message = (
        "model 'their/model': the hub cannot be reached, and its cache does not tell "
        r"if there is encoder\.json, .* `hf download their/model`, or set pooling, "
    )
    with pytest.raises(ValueError, match=message):
        Encoder(NAME, "mean")
    # A limit of tokens, too, would be a guess.
    with pytest.raises(ValueError, match=message):
        Encoder(NAME, "mean", True, FORMAT, TextFormat(""))
    encoder = Encoder(NAME, "mean", True, FORMAT, FORMAT)
    assert encoder.settings.passage == FORMAT
    with pytest.raises(ValueError, match="hf download their/model --revision v9`"):
        Encoder(NAME, "mean", loading=Loading(revision="v9"))


@pytest.mark.parametrize("error", [GatedRepoError, RevisionNotFoundError])
def test_an_answer_of_the_hub_is_told(
    error: type[GatedRepoError | RevisionNotFoundError], monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse = Mock(side_effect=error("no", response=Mock()))
    monkeypatch.setattr(model_files, "hf_hub_download", refuse)
    with pytest.raises(ValueError, match=f"the hub answers {error.__name__} when"):
        Encoder(NAME, "mean")


def test_what_the_hub_says_is_missing_is_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    missing = Mock(side_effect=EntryNotFoundError("no"))
    monkeypatch.setattr(model_files, "hf_hub_download", missing)
    assert ModelFiles(NAME, "v1").read("modules.json") is None
    missing.assert_called_once_with(NAME, "modules.json", revision="v1")

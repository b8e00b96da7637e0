"""Where things are kept that can be made again."""

from pathlib import Path

import pytest

from dr_lightning.cache import building, default_cache


def test_the_cache_is_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("DR_LIGHTNING_CACHE", raising=False)
    assert default_cache() == tmp_path / "dr_lightning"
    monkeypatch.setenv("DR_LIGHTNING_CACHE", str(tmp_path / "mine"))
    assert default_cache() == tmp_path / "mine"


def test_of_two_that_build_one_folder_the_first_counts(tmp_path: Path) -> None:
    """As the ranks of a run do, which enter `setup` together."""
    folder = tmp_path / "lists" / "a"
    with building(folder) as late:
        with building(folder) as first:
            (first / "file").write_text("first", "utf-8")
        (late / "file").write_text("late", "utf-8")
    assert (folder / "file").read_text("utf-8") == "first"
    assert [path.name for path in folder.parent.iterdir()] == ["a"]


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), building(tmp_path / "lists" / "a"):
        raise KeyError
    assert not any((tmp_path / "lists").iterdir())

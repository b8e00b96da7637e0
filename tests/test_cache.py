"""Where things are kept that can be made again."""

from pathlib import Path

import pytest

from dr_lightning.cache import default_cache


def test_the_cache_is_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("DR_LIGHTNING_CACHE", raising=False)
    assert default_cache() == tmp_path / "dr_lightning"
    monkeypatch.setenv("DR_LIGHTNING_CACHE", str(tmp_path / "mine"))
    assert default_cache() == tmp_path / "mine"

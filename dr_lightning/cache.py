"""Where things are kept that can be made again: token stores, embeddings, digests."""

import os
from pathlib import Path


def default_cache() -> Path:
    """`$DR_LIGHTNING_CACHE`, else `dr_lightning` in the user's cache folder."""
    given = os.environ.get("DR_LIGHTNING_CACHE")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "dr_lightning"

"""Where things are kept that can be made again: token stores, embeddings, digests."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp


def default_cache() -> Path:
    """`$DR_LIGHTNING_CACHE`, else `dr_lightning` in the user's cache folder."""
    given = os.environ.get("DR_LIGHTNING_CACHE")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "dr_lightning"


@contextmanager
def building(folder: Path) -> Iterator[Path]:
    """Gives a temporary folder, which becomes the folder if all goes well.

    Processes may build the same one at a time, such as the ranks of a run: the first
    that is ready counts, what the others made is removed.

    Args:
        folder: The final name; missing folders above are made.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(mkdtemp(prefix=".building-", dir=folder.parent))
    try:
        yield work
        try:
            work.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)

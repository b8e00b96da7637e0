"""Writes the corpus of pydocs: the running interpreter's own documentation.

Run:  python data/pydocs/make_corpus.py [--out data/pydocs/corpus.parquet]
"""

import contextlib
import io
import logging
import platform
import time
import warnings
from pathlib import Path

import polars as pl
from docstrings import docstring_passages
from jsonargparse import auto_cli
from modules import public_modules
from passages import Passage
from topics import topic_passages

from dr_lightning import artefacts, schemas

logger = logging.getLogger("pydocs")


def read_passages() -> list[Passage]:
    """The documentation of this interpreter: docstrings by name, then topics."""
    # Importing old modules warns, and importing any of them must print nothing.
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        return docstring_passages(public_modules()) + topic_passages()


def make_corpus(
    out: Path = Path("data/pydocs/corpus.parquet"), overwrite: bool = False
) -> None:
    """Read the running interpreter's documentation into a corpus.

    Args:
        out: The corpus to write.
        overwrite: Whether it may be replaced.
    """
    started = time.monotonic()
    artefacts.refuse_existing(out, overwrite)
    passages = read_passages()
    manifest = artefacts.Manifest(
        stage="make_corpus",
        settings={"python": platform.python_version()},
        counts={"passages": len(passages)},
        started=started,
    )
    artefacts.write(pl.DataFrame(passages), out, schemas.CORPUS, manifest, overwrite)
    logger.info(
        "make_corpus: Python %s -> %s passages in %s",
        platform.python_version(),
        f"{len(passages):,}",
        out,
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    auto_cli(make_corpus, as_positional=False)

"""Tells models apart by their files: what teachers and engines are known by."""

import hashlib
from contextlib import suppress
from pathlib import Path

from dr_lightning.artefacts import replacing
from dr_lightning.cache import default_cache

LARGE = 2**20
"""Bytes from which on a file's digest is remembered."""


def model_fingerprint(model: str, shaping: object, revision: str | None = None) -> str:
    """16 hexadecimal digits of a model's files and of what else shapes an output.

    Args:
        model: As `locate` gives it.
        shaping: Settings; of things whose `repr` tells them.
        revision: Branch, tag or commit of a hub name.
    """
    told = repr((model_identity(model, revision), shaping))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def model_identity(model: str, revision: str | None = None) -> str:
    """What changes with any file of a model: configuration, tokenizer, weights, code.

    The same files in another folder are the same model. A hub name is told by the
    commit that transformers has, or would fetch.

    Args:
        model: A folder, or a hub name.
        revision: Branch, tag or commit of the hub name.

    Raises:
        OSError: If the hub has no such model, or cannot be reached.
    """
    folder = Path(model)
    if not folder.is_dir():
        from transformers.utils.hub import cached_file  # heavy, not needed for `--help`

        config = cached_file(model, "config.json", revision=revision)
        return f"{model}@{Path(config).parent.name if config else revision}"
    digest = hashlib.sha256()
    for path in sorted(file for file in folder.iterdir() if file.is_file()):
        if path.name.startswith(".") or path.suffix == ".md":
            continue  # no matter for an output
        digest.update(f"{path.name} {file_digest(path)}\n".encode())
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """The digest of a file; of a large one, remembered until size or time changes.

    Args:
        path: The file.
    """
    told = path.stat()
    key = repr((str(path.resolve()), told.st_size, told.st_mtime_ns))
    name = hashlib.sha256(key.encode()).hexdigest()
    note = default_cache() / "digests" / name
    if told.st_size >= LARGE and note.is_file():
        return note.read_text("ascii")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if told.st_size >= LARGE:
        # Where nothing can be kept, it is only computed again.
        with suppress(OSError), replacing(note) as new:
            new.write_text(digest, "ascii")
    return digest

"""One run a folder: a lock that goes with the process, and says whose it is."""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 3.0
"""Seconds to wait for the children of a run that was just killed."""


@contextmanager
def lock(folder: Path) -> Iterator[int]:
    """Holds a folder; the operating system frees it when the process ends.

    Children inherit the lock, so a run whose parent was killed still holds the folder
    until its command has ended too.

    Args:
        folder: Made if need be.

    Yields:
        The file descriptor that children have to inherit.

    Raises:
        ValueError: If another run holds it; names its process and host. Or if it cannot
            be written to.
    """
    path = folder / ".lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        msg = (
            f"{folder} cannot be written to ({error.strerror}). Give a work folder in "
            "a place where you may write."
        )
        raise ValueError(msg) from error
    with file:
        _take(file.fileno(), path)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        os.set_inheritable(file.fileno(), True)
        yield file.fileno()


def _take(descriptor: int, path: Path) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < end:
                time.sleep(0.1)
                continue
            msg = (
                f"{path.parent} is in use by {path.read_text('utf-8')}. Wait for it, "
                "stop it, or give another work folder."
            )
            raise ValueError(msg) from None
        return

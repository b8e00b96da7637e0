"""Two processes of one machine as the ranks of one run."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.multiprocessing.spawn import spawn

ROOT = Path(__file__).parent.parent


def in_two_processes(job: Callable[..., None], *arguments: Any) -> None:
    """Calls `job(process, port, *arguments)` in two new processes, and waits.

    Args:
        job: Of a test module; calls `become_rank` first.
        arguments: What can be pickled.
    """
    with socket.socket() as free, pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)  # the children import the job's file by its name
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
        free.close()
        spawn(job, (port, *arguments), nprocs=2)  # type: ignore[no-untyped-call]


def become_rank(process: int, port: int) -> None:
    """Tells Lightning which rank this process is.

    Args:
        process: 0 or 1.
        port: Free on this machine.
    """
    os.environ |= {
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(port),
        "LOCAL_RANK": str(process),
        "NODE_RANK": "0",
    }
    torch.set_num_threads(1)

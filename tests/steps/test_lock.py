"""The lock of a run's folder: one at a time, gone with the process."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dr_lightning.steps.lock import lock

HOLD = """
import sys, time
from pathlib import Path
from dr_lightning.steps.lock import lock
with lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def hold(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_run_is_told_whose_the_folder_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dr_lightning.steps.lock.PATIENCE", 0.2)
    process = hold(tmp_path)
    try:
        owner = f"process {process.pid} on {socket.gethostname()}"
        with pytest.raises(ValueError, match=owner), lock(tmp_path):
            pytest.fail("the folder is held")
    finally:
        process.kill()
        process.communicate()


def test_a_killed_run_leaves_the_folder_free(tmp_path: Path) -> None:
    process = hold(tmp_path)
    os.kill(process.pid, signal.SIGKILL)
    with lock(tmp_path):  # waits for the process to end
        pass
    process.communicate()


def test_a_child_holds_the_folder_for_a_parent_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dr_lightning.steps.lock.PATIENCE", 0.2)
    with lock(tmp_path) as descriptor:
        sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
        child = subprocess.Popen(sleep, pass_fds=[descriptor])
    try:
        time.sleep(0.1)
        with pytest.raises(ValueError, match="is in use"), lock(tmp_path):
            pytest.fail("the child holds it")
    finally:
        child.kill()
        child.wait()


def test_the_folder_can_be_taken_again_afterwards(tmp_path: Path) -> None:
    for _ in range(2):
        with lock(tmp_path / "new" / "folder"):
            pass


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ValueError, match=r"file cannot be written to \(File exists\)"),
        lock(tmp_path / "file"),
    ):
        pytest.fail("it is a file")

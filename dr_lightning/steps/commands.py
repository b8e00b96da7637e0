"""Runs a step as the command that a user would type."""

import ctypes
import logging
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import yaml

from dr_lightning.artefacts import replacing
from dr_lightning.steps.step import Step

logger = logging.getLogger(__name__)

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux


def write_yaml(step: Step, folder: Path) -> Path:
    """Writes a step's options, under a header that tells how to repeat it.

    Args:
        step: The step.
        folder: Where to.

    Returns:
        The file.
    """
    path = folder / f"{step.name}.yaml"
    command = shlex.join(["python", "-m", "dr_lightning", *arguments(step, path)])
    text = yaml.safe_dump(dict(step.options), sort_keys=False)
    with replacing(path) as file:
        file.write_text(f"# Run:  {command}\n{text}", "utf-8")
    return path


def run(
    step: Step,
    config: Path,
    more: tuple[str, ...] = (),
    descriptor: int | None = None,
    quiet: bool = False,
) -> None:
    """Runs a step and waits for it.

    Args:
        step: The step.
        config: What `write_yaml` wrote.
        more: Further options.
        descriptor: The lock, which the command inherits.
        quiet: Whether what it prints is kept for the case that it fails.

    Raises:
        ValueError: If the command fails; it has told why by itself.
    """
    command = [sys.executable, "-m", "dr_lightning", *arguments(step, config), *more]
    process = subprocess.Popen(  # noqa: S603 - our own command
        [*command, *step.extra],
        pass_fds=[] if descriptor is None else [descriptor],
        preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        text=True,
    )
    try:
        told, _ = process.communicate()
    except KeyboardInterrupt:
        # The terminal has told the command too: it ends by itself.
        process.wait()
        raise
    code = process.returncode
    if code != 0:
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        msg = (
            f"step {step.name} failed with {how}; its own message stands above. Mend "
            "the cause and start the same command again: it goes on from here. By "
            f"hand: {shlex.join(['python', *command[1:]])}"
        )
        raise ValueError(f"{told}\n{msg}" if told else msg)


def arguments(step: Step, config: Path) -> list[str]:
    """The command of a step and its config files.

    Args:
        step: The step.
        config: What `write_yaml` wrote.
    """
    bases = [] if step.base is None else ["--config", str(step.base)]
    return [step.command, *bases, "--config", str(config)]


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)

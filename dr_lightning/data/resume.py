"""The order of an epoch's batches, taken up again where a stopped run left it."""

from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np
from lightning.pytorch import Trainer
from lightning.pytorch.loops.progress import _ProcessedTracker
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Sampler

BatchRows = tuple[int, NDArray[np.int64]]
"""An epoch and rows of the training lists: what one batch is made from."""


class EpochOrder(Sampler[BatchRows]):
    """Yields the batches of the epoch that the Trainer stands in.

    Args:
        rows: Rows of each batch of an epoch, a pure function of the epoch.
        count: Batches of an epoch.
        position: Epoch and first batch, asked for when an iteration starts.
    """

    def __init__(
        self,
        rows: Callable[[int], list[NDArray[np.int64]]],
        count: int,
        position: Callable[[], tuple[int, int]],
    ) -> None:
        self.rows = rows
        self.count = count
        self.position = position

    def __len__(self) -> int:
        """Batches of a whole epoch."""
        return self.count

    def __iter__(self) -> Iterator[BatchRows]:
        """Epoch and rows of each batch that is still to come."""
        epoch, start = self.position()
        for rows in self.rows(epoch)[start:]:
            yield epoch, rows


def position(trainer: Trainer | None, count: int) -> tuple[int, int]:
    """Epoch and batch that a training loader has to start with.

    Lightning restores its progress from a checkpoint before the loader is iterated;
    the loader itself keeps no state that could disagree with it.

    Args:
        trainer: The Trainer; None outside of one.
        count: Batches of an epoch.

    Returns:
        The epoch, counted from 0, and its first batch that has not been trained on.
    """
    if trainer is None:
        return 0, 0
    loop = trainer.fit_loop
    current = cast("_ProcessedTracker", loop.epoch_progress.current)
    epoch = current.processed
    if not loop.restarting:
        return epoch, 0
    done = loop.epoch_loop.batch_progress.current.ready
    return (epoch + 1, 0) if done >= count else (epoch, done)


def finish_epoch(trainer: Trainer | None) -> None:
    """Lets a run go on with the next epoch where its checkpoint has a whole one.

    With `max_steps` Lightning takes any resumed run for one that stopped inside an
    epoch, and would leave out the epoch after one that was over, or repeat its batch.

    Args:
        trainer: The Trainer, before its loops start; None outside of one.
    """
    if trainer is None:
        return
    loop = trainer.fit_loop
    current = cast("_ProcessedTracker", loop.epoch_progress.current)
    if loop.restarting and current.ready == current.started == current.processed:
        loop._restarting = loop.epoch_loop._restarting = False


class ResumableLoader(DataLoader[Any]):
    """A loader that Lightning knows to resume in the middle of an epoch.

    The position comes from the Trainer's progress (`position`), so there is nothing to
    store; Lightning warns about a loader without these two methods.
    """

    def state_dict(self) -> dict[str, Any]:
        """Empty: see the class."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Does nothing: see the class."""

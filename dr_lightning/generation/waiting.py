"""Waits for a coroutine, in a terminal and in a notebook alike."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from typing import Any, TypeVar, cast

Result = TypeVar("Result")


def wait_for(work: Coroutine[Any, Any, Result]) -> Result:
    """Runs a coroutine to its end, also where an event loop is running already.

    A notebook's cells run inside of one, which takes no second `asyncio.run`: there the
    coroutine gets a thread and a loop of its own. An interrupt cancels it either way.

    Args:
        work: What to run.

    Example:
        >>> wait_for(asyncio.sleep(0, "done"))
        'done'
    """
    return _wait_in_thread(work) if _loop_is_running() else asyncio.run(work)


def _loop_is_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _wait_in_thread(work: Coroutine[Any, Any, Result]) -> Result:
    begun: Future[asyncio.Task[Any]] = Future()

    async def watched() -> Result:
        begun.set_result(cast("asyncio.Task[Any]", asyncio.current_task()))
        return await work

    with ThreadPoolExecutor(max_workers=1) as pool:
        # Its context tells a notebook which cell the output belongs to.
        ended = pool.submit(copy_context().run, asyncio.run, watched())
        try:
            return ended.result()
        except KeyboardInterrupt:
            # The main thread alone hears it, and the pool waits for its thread.
            task = begun.result()
            with suppress(RuntimeError):  # it may have ended by now
                task.get_loop().call_soon_threadsafe(task.cancel)
            raise

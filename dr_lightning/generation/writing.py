"""Writes the parts of a worker, and shows how far it is."""

import logging
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from dr_lightning.generation.drops import CleaningRules
from dr_lightning.generation.work import Work
from dr_lightning.parts import Parts, Shard

logger = logging.getLogger(__name__)


def write_parts(work: Work, parts: Parts, worker: Shard, rules: CleaningRules) -> None:
    """Writes what a worker has to do and has not done yet.

    Args:
        work: What to write.
        parts: Where to.
        worker: Whose share.
        rules: By which the share of dropped answers is shown; parts hold them all.
    """
    todo = parts.todo(worker)
    if others := parts.others():
        logger.info("%s: %d parts of other settings are not used", parts.folder, others)
    done = len(parts.ranges()[worker.index - 1 :: worker.of]) - len(todo)
    total = sum(map(len, todo))
    logger.info("generate: %d queries to write, %d parts done before", total, done)
    if not todo:
        return
    work.engine.prepare(work.corpus)
    columns = (
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} queries,"),
        TextColumn("{task.fields[told]} left"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("generate", total=total, told="")
        asked = dropped = 0
        for rows in todo:
            start = time.perf_counter()
            answers = work.answers(rows)
            seconds = time.perf_counter() - start
            parts.write(rows, answers, {"seconds": seconds})
            asked += len(rows)
            dropped += work.cleaned(answers, rules)["reason"].count()
            tokens = int(answers["tokens"].sum())
            told = (
                f"{len(rows) / seconds:,.1f} queries, {tokens / seconds:,.0f} tokens "
                f"a second, {dropped / asked:.0%} dropped,"
            )
            progress.update(task, completed=asked, told=told)

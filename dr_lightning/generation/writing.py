"""Writes the parts of a worker, and shows how far it is."""

import logging
import time

from dr_lightning.generation.drops import CleaningRules
from dr_lightning.generation.engine import Answer, Request
from dr_lightning.generation.meter import Counts, Meter
from dr_lightning.generation.work import Work
from dr_lightning.parts import Parts, Shard
from dr_lightning.progress import follow

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
    with follow("generate", total, "queries") as show:
        meter = Meter(total)

        def hear(request: Request, answer: Answer) -> None:
            _, reason = work.judge(request.query_type, request.passage, answer, rules)
            meter.hear(Counts(1, answer.tokens, int(reason is not None)))
            show(meter.counts.queries, meter.told())

        for rows in todo:
            start = time.perf_counter()
            answers = work.answers(rows, hear)
            parts.write(rows, answers, {"seconds": time.perf_counter() - start})
            dropped = work.cleaned(answers, rules)["reason"].count()
            meter.settle(Counts(len(rows), int(answers["tokens"].sum()), dropped))
            show(meter.counts.queries, meter.told())

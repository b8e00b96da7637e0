"""Scores part after part, with a bar that tells how far it is."""

import logging

import polars as pl

from dr_lightning.models.teachers import Teacher
from dr_lightning.parts import Parts, Shard
from dr_lightning.progress import follow
from dr_lightning.scoring.lists import CandidateLists, count_pairs
from dr_lightning.scoring.pairs import score_lists

logger = logging.getLogger(__name__)


def score_parts(
    teacher: Teacher,
    work: CandidateLists,
    parts: Parts,
    worker: Shard,
    fail_fast: bool,
    known: pl.DataFrame | None,
) -> None:
    """Scores the parts of a worker that are not finished.

    Args:
        teacher: Gives the scores.
        work: All lists.
        parts: Where results go.
        worker: Whose parts.
        fail_fast: Whether to give a query up once its source passage is beaten.
        known: Scores that need not be given again; null = none.
    """
    todo = parts.todo(worker)
    if others := parts.others():
        logger.info("%s: %d parts of other settings are not used", parts.folder, others)
    slices = {rows: work.lists[rows.start : rows.stop] for rows in todo}
    total = sum(count_pairs(part) for part in slices.values())
    done = len(parts.ranges()[worker.index - 1 :: worker.of]) - len(todo)
    logger.info("score: %d pairs to score, %d parts done before", total, done)
    with follow("score", total, "pairs") as show:
        settled = begun = 0

        def settle(more: int) -> None:
            nonlocal begun
            begun += more
            show(settled + begun)

        for rows, part in slices.items():
            scored = score_lists(teacher, part, work.passages, fail_fast, known, settle)
            parts.write(rows, scored.lists, scored.amounts)
            # Pairs that were given up, known or double are settled now.
            settled, begun = settled + count_pairs(part), 0
            show(settled)


def count_work(work: CandidateLists, parts: Parts) -> dict[str, int]:
    """What the manifest counts, once all parts are there.

    `candidates` are the pairs of all lists, `pairs` those that have a score, the reused
    ones among them.

    Args:
        work: All lists.
        parts: Their results.
    """
    amounts = parts.amounts()
    spared = int(amounts["not_needed"])
    return {
        "queries": len(work.lists),
        "candidates": work.pairs,
        "pairs": work.pairs - spared,
        "pairs_not_needed": spared,
        "pairs_reused": int(amounts["reused"]),
        "sources_not_among_candidates": work.lost_sources,
    }

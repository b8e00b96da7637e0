"""What is told of a retrieval: how good it is, how many in and out, and why."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from dr_lightning.candidates.retrievers import Found
from dr_lightning.manifest import Manifest
from dr_lightning.metrics import evaluate_run, means

logger = logging.getLogger(__name__)

MEASURES = ("nDCG@10", "R@100")


def quality(run: pl.DataFrame, qrels: pl.DataFrame | None) -> dict[str, float]:
    """nDCG@10 and R@100 of a run; empty without judgements.

    Args:
        run: Schema of runs.
        qrels: Schema of qrels.
    """
    return {} if qrels is None else means(evaluate_run(run, qrels, MEASURES))


def each_retriever(
    found: Sequence[Found], qrels: pl.DataFrame | None
) -> dict[str, list[dict[str, Any]]]:
    """Lists and quality of each of several retrievers; empty of one.

    Args:
        found: What they found.
        qrels: Schema of qrels.
    """
    if len(found) == 1:
        return {}
    counts = [{"retriever": some.name, "lists": len(some.run)} for some in found]
    judged = [quality(some.run, qrels) for some in found]
    return {"retrievers": [a | b for a, b in zip(counts, judged, strict=True)]}


def log_counts(manifest: Manifest) -> None:
    """Tells the counts of a retrieval, in a line; of several retrievers, in one each.

    Args:
        manifest: Of the run.
    """
    counts, extra = manifest.counts, dict(manifest.extra)
    for some in map(dict, extra.pop("retrievers", [])):
        name, lists = some.pop("retriever"), some.pop("lists")
        logger.info("retrieve: %s found %s lists%s", name, f"{lists:,}", _told(some))
    dropped = [f"{count:,} {reason}" for reason, count in manifest.dropped.items()]
    logger.info(
        "retrieve: %s queries over %s passages -> %s lists of up to %s (dropped: %s)%s",
        f"{counts['queries']:,}",
        f"{counts['passages']:,}",
        f"{counts['runs']:,}",
        manifest.settings["depth"],
        ", ".join(dropped) or "0",
        _told(extra),
    )


def _told(values: Mapping[str, float]) -> str:
    """Measures with four digits, counts before what they count."""
    told = [
        f", {name} {value:.4f}" if isinstance(value, float) else f", {value:,} {name}"
        for name, value in values.items()
    ]
    return "".join(told)

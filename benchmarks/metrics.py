"""Time the retrieval measures against torchmetrics and pytrec_eval.

All compute nDCG@10, R@100, RR@10 (pytrec_eval: RR), AP and P@10 of one random run:
ties, grades 0 to 3, 1 to 20 judgements a query, of which about half are retrieved.
Each gets the run in the form that it takes, made before the clock starts: tables of
rows (ours), flat tensors (torchmetrics), dicts (pytrec_eval), a frame (evaluate_run).

Run: python benchmarks/metrics.py [--quick]     One JSON line a contender and size.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import polars as pl
import pytrec_eval
import torch
from torch import Tensor
from torchmetrics import MetricCollection
from torchmetrics.retrieval import (
    RetrievalMAP,
    RetrievalMRR,
    RetrievalNormalizedDCG,
    RetrievalPrecision,
    RetrievalRecall,
)

from dr_lightning.metrics import Judgements, RetrievalMetrics, evaluate_run, means

DEPTH = 100
PASSAGES = 100_000
OURS = ["nDCG@10", "R@100", "RR@10", "AP", "P@10"]
TREC = {"ndcg_cut.10", "recall.100", "recip_rank", "map", "P.10"}


class Case(NamedTuple):
    """A run and its qrels, as rows and as frames with ids."""

    rows: Tensor
    scores: Tensor
    relevance: Tensor
    run: pl.DataFrame
    qrels: pl.DataFrame


def make_case(queries: int, seed: int = 0) -> Case:
    """Draw a run; `relevance` is the table that torchmetrics wants."""
    random = np.random.default_rng(seed)
    rows = np.stack(
        [random.choice(PASSAGES, DEPTH, replace=False) for _ in range(queries)]
    )
    scores = -np.sort(-random.normal(size=rows.shape).round(2).astype("f4"))
    relevance = np.zeros(rows.shape, dtype=np.int64)
    judged: list[tuple[str, str, int]] = []
    for query in range(queries):
        found = random.choice(DEPTH, random.integers(1, 11), replace=False)
        relevance[query, found] = random.integers(0, 4, len(found))
        judged += [
            (f"q{query}", f"p{rows[query, i]}", int(relevance[query, i])) for i in found
        ]
        # Passages beyond the corpus' rows in this run: relevant and not retrieved.
        judged += [
            (f"q{query}", f"x{i}", int(random.integers(1, 4)))
            for i in range(random.integers(0, 10))
        ]
    run = pl.DataFrame(
        {
            "query_id": [f"q{i}" for i in range(queries)],
            "passage_id": [[f"p{i}" for i in row] for row in rows],
            "score": scores.tolist(),
        }
    )
    columns = ["query_id", "passage_id", "relevance"]
    qrels = pl.DataFrame(judged, schema=columns, orient="row")
    return Case(
        torch.from_numpy(rows),
        torch.from_numpy(scores),
        torch.from_numpy(relevance),
        run,
        qrels,
    )


def contenders(case: Case) -> Iterator[tuple[str, Callable[[], dict[str, float]]]]:
    """Give each contender as a call from its own input to the means."""
    passage_ids = [f"p{i}" for i in range(PASSAGES)] + [f"x{i}" for i in range(10)]
    judgements = Judgements(case.qrels, case.run["query_id"], pl.Series(passage_ids))
    query_rows = torch.arange(len(case.rows))

    def ours() -> dict[str, float]:
        metrics = RetrievalMetrics(judgements, OURS)
        metrics.update(query_rows, case.rows, case.scores)
        return {name: value.item() for name, value in metrics.compute().items()}

    yield "RetrievalMetrics", ours
    yield "evaluate_run", lambda: means(evaluate_run(case.run, case.qrels, OURS))
    yield "torchmetrics", _torchmetrics(case)
    yield "pytrec_eval", _pytrec_eval(case)


def _torchmetrics(case: Case) -> Callable[[], dict[str, float]]:
    """Flatten the tables; relevant passages that were not retrieved are appended.

    They stand below all others, else torchmetrics does not know of them; its AP counts
    their precision there, and so is not trec_eval's. All scores are raised above 0,
    for its recall takes no result with a lower one.
    """
    missing = case.qrels.filter(pl.col("passage_id").str.starts_with("x"))
    queries = missing["query_id"].str.slice(1).cast(pl.Int64).to_torch()
    indexes = torch.arange(len(case.rows)).repeat_interleave(DEPTH)
    indexes = torch.cat([indexes, queries])
    raised = case.scores.flatten() - case.scores.min() + 1
    scores = torch.cat([raised, torch.full(queries.shape, 0.5)])
    target = torch.cat([case.relevance.flatten(), missing["relevance"].to_torch()])

    def call() -> dict[str, float]:
        graded = RetrievalNormalizedDCG(top_k=10)
        binary = MetricCollection(
            [
                RetrievalRecall(top_k=DEPTH),
                RetrievalMRR(top_k=10),
                RetrievalMAP(),
                RetrievalPrecision(top_k=10),
            ],
            compute_groups=True,
        )
        graded.update(scores, target, indexes=indexes)
        binary.update(scores, target > 0, indexes=indexes)
        values = {"RetrievalNormalizedDCG": graded.compute(), **binary.compute()}
        return {name: value.item() for name, value in values.items()}

    return call


def _pytrec_eval(case: Case) -> Callable[[], dict[str, float]]:
    qrels: dict[str, dict[str, int]] = {}
    for query, passage, relevance in case.qrels.iter_rows():
        qrels.setdefault(query, {})[passage] = relevance
    run = {
        query: dict(zip(passages, scores, strict=True))
        for query, passages, scores in case.run.iter_rows()
    }

    evaluator = pytrec_eval.RelevanceEvaluator(qrels, TREC)

    def call() -> dict[str, float]:
        values = evaluator.evaluate(run)
        names = next(iter(values.values()))
        return {
            name: statistics.fmean(of[name] for of in values.values()) for name in names
        }

    return call


def time_all(queries: int, repeats: int) -> Iterator[dict[str, object]]:
    """Time the contenders in turns, so that a busy machine slows all alike."""
    calls = dict(contenders(make_case(queries)))
    values = {name: call() for name, call in calls.items()}  # warms up, too
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    base = statistics.median(seconds["RetrievalMetrics"])
    for name in calls:
        median = statistics.median(seconds[name])
        yield {
            "contender": name,
            "queries": queries,
            "depth": DEPTH,
            "median_seconds": round(median, 4),
            "times_RetrievalMetrics": round(median / base, 1),
            "means": {key: round(value, 6) for key, value in values[name].items()},
        }


def main() -> None:
    """Print one JSON line a contender and size: median, ratio, and the means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repeats, < 5 min")
    repeats = 3 if parser.parse_args().quick else 9
    torch.set_num_threads(1)  # one core for every contender
    for queries in (1_000, 5_000):
        for line in time_all(queries, repeats):
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()

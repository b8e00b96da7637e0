"""Retrieval measures as a torchmetrics metric: rankings in, means out, under DDP."""

from collections.abc import Sequence

import polars as pl
import torch
from torch import Tensor
from torchmetrics import Metric

from dr_lightning.metrics.judgements import Judgements
from dr_lightning.metrics.measures import Measure

#: What a measure without a cutoff looks at: the depth of a usual trec_eval run.
WHOLE_RUN = 1000


class RetrievalMetrics(Metric):
    """Means of retrieval measures over all judged queries, as trec_eval -c has them.

    One value is kept for each query and measure. A judged query that was never
    updated counts 0, and so does one without relevant passages; a query without
    judgements is ignored. Ranks may meet different queries or, as samplers pad, the
    same query twice: the values are merged by their maximum, so nothing is counted
    twice and a rank may have no queries at all.

    Args:
        judgements: The qrels as an index, with the ids of query and passage rows.
        measures: Names such as `nDCG@10` and `R@100`.

    Raises:
        ValueError: If a measure is unknown, or none or one twice is asked for.

    Example:
        >>> qrels = pl.DataFrame(
        ...     {"query_id": ["q"], "passage_id": ["b"], "relevance": [1]}
        ... )
        >>> judgements = Judgements(qrels, pl.Series(["q"]), pl.Series(["a", "b"]))
        >>> metrics = RetrievalMetrics(judgements, ["RR@10"])
        >>> ranked, scores = torch.tensor([[0, 1]]), torch.tensor([[0.9, 0.8]])
        >>> metrics.update(torch.tensor([0]), ranked, scores)
        >>> metrics.compute()
        {'RR@10': tensor(0.5000)}
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    #: (queries, measures), 0 where nothing has come yet.
    values: Tensor

    def __init__(self, judgements: Judgements, measures: Sequence[str]) -> None:
        super().__init__()
        self.judgements = judgements
        self.measures = parse_measures(measures)
        shape = len(judgements.query_ids), len(self.measures)
        self.add_state("values", torch.zeros(shape), dist_reduce_fx="max")

    @property
    def depth(self) -> int:
        """How many passages a search must give so that every measure is exact."""
        cutoff = max(measure.cutoff or WHOLE_RUN for measure in self.measures)
        return cutoff + int((self.judgements.dropped >= 0).any())

    def update(self, query_rows: Tensor, passage_rows: Tensor, scores: Tensor) -> None:
        """Take the rankings of a batch of queries; a query's later one replaces it.

        Args:
            query_rows: Row of each query, of shape (batch,).
            passage_rows: Retrieved passages, distinct for each query, of shape
                (batch, depth); -1 for none.
            scores: Their scores, higher is better, of shape (batch, depth).
        """
        gains = self.judgements.gains(query_rows, passage_rows, scores)
        ideal = self.judgements.ideal[query_rows]
        values = [measure(gains, ideal) for measure in self.measures]
        self.values[query_rows] = torch.stack(values, dim=1)

    def compute(self) -> dict[str, Tensor]:
        """Give the mean of each measure over all judged queries, in [0, 1]."""
        means = self.values[self.judgements.judged].mean(dim=0)
        return dict(zip(map(str, self.measures), means, strict=True))

    def per_query(self) -> pl.DataFrame:
        """Give the values of every judged query: query_id and a column a measure.

        All ranks must call it, for it gathers their values.
        """
        with self.sync_context():
            values, judged = self.values.cpu(), self.judgements.judged.cpu()
        return values_frame(self.judgements.query_ids, self.measures, values).filter(
            pl.Series(judged.numpy())
        )


def parse_measures(names: Sequence[str]) -> list[Measure]:
    """Read a list of distinct measure names.

    >>> [measure.cutoff for measure in parse_measures(["nDCG@10", "RR"])]
    [10, None]
    """
    if not names or len(set(names)) < len(names):
        raise ValueError(
            f"measures are {list(names)}; give at least one, and each once, "
            "such as ['nDCG@10', 'R@100']."
        )
    return [Measure.parse(name) for name in names]


def values_frame(
    query_ids: pl.Series, measures: Sequence[Measure], values: Tensor
) -> pl.DataFrame:
    """Put values of shape (queries, measures) beside the ids of their queries."""
    columns = {str(m): values[:, i].numpy() for i, m in enumerate(measures)}
    return pl.DataFrame({"query_id": query_ids, **columns})

"""Makes training lists: with a teacher's scores, or from a run alone.

Candidates are one row a query, best first. Only the positives and the passages that end
up in a list are looked at one by one, so a million queries fit in memory.
"""

from typing import NamedTuple

import polars as pl

from dr_lightning.curation.rules import DEFAULT_RULES, ListRules
from dr_lightning.curation.scores import as_candidates, score_percentiles

_SYNTHETIC = pl.col("source_passage_id").is_not_null()


class Curated(NamedTuple):
    """Training lists, and what became of every query.

    Attributes:
        lists: Columns as in the schema of training lists, in the order of the queries.
        judged: One row a query: query_id, query_type, candidates (their number),
            reason (why it was dropped, null = kept), and the percentiles of its type
            as low, floor and high (on the teacher's scale; null without a teacher).
    """

    lists: pl.DataFrame
    judged: pl.DataFrame


def distillation_lists(
    queries: pl.DataFrame,
    teacher_scores: pl.DataFrame,
    qrels: pl.DataFrame | None = None,
    rules: ListRules = DEFAULT_RULES,
) -> Curated:
    """Makes training lists with normalised teacher scores.

    Per query type and in this order:

    1. a synthetic query stays if the teacher ranks its source passage first (on a tie
       the source stands first); every query needs `min_candidates`;
    2. percentiles are taken over all candidates of the queries that are left;
    3. a synthetic query whose best score is under the floor is dropped;
    4. scores become `(score - low) / (high - low)`, clipped to 0..1;
    5. the positive and the best others are kept, `list_length` in all.

    The positive of a human query is its relevant passage with the highest score
    (then the highest relevance, then the first id); it is never cut. Its other
    relevant passages are the `excluded_id`; those that are listed stay listed. Ties
    among the others keep their order.

    Args:
        queries: Schema of queries; `source_passage_id` is null for human queries.
        teacher_scores: Schema of teacher scores, descending.
        qrels: Schema of qrels; only human queries look at them.
        rules: Lengths, percentiles and filters.

    Raises:
        ValueError: If a score is not finite, human queries come without qrels, or the
            scores of a query type do not spread.

    Example:
        >>> queries = pl.DataFrame({"query_id": ["q"], "text": ["how?"],
        ...     "query_type": ["question"], "source_passage_id": ["a"]})
        >>> scores = pl.DataFrame({"query_id": ["q"], "passage_id": [["a", "b", "c"]],
        ...     "teacher_score": [[4.0, 3.0, 0.0]]})
        >>> rules = ListRules(min_candidates=3, percentiles=(0, 25, 100))
        >>> distillation_lists(queries, scores, None, rules).lists.row(0)[3:]
        (['a', 'b', 'c'], [1.0, 0.75, 0.0], [])
    """
    candidates = as_candidates(teacher_scores, "teacher_score")
    frame = _with_positives(queries, candidates, qrels, rules)
    frame = _drop(frame, "positive_not_scored", pl.col("positive_score").is_null())
    if rules.drop_beaten_source:
        beaten = pl.col("positive_score") < pl.col("score").list.first()
        frame = _drop(frame, "source_beaten", _SYNTHETIC & beaten)
    frame = _drop_shallow(frame, rules)
    scored = pl.col("reason").is_null()
    rows = frame.filter(scored).select("query_type", "score").explode("score")
    scale = score_percentiles(rows, rules)
    frame = frame.join(scale, on="query_type", how="left", maintain_order="left")
    if rules.drop_low_best:
        low_best = pl.col("score").list.first() < pl.col("floor")
        frame = _drop(frame, "best_score_low", _SYNTHETIC & low_best)
    return _curated(frame, rules)


def contrastive_lists(
    queries: pl.DataFrame,
    run: pl.DataFrame,
    qrels: pl.DataFrame | None = None,
    rules: ListRules = DEFAULT_RULES,
) -> Curated:
    """Makes training lists without a teacher, for InfoNCE: `teacher_score` is null.

    The positive stands first, the other candidates follow in the run's order. The
    positive of a synthetic query is its source passage; a query without it among its
    candidates is dropped. The positive of a human query is the relevant passage that
    the run scores highest (then the highest relevance, then the first id); where the
    run has none, it is added. The filters on teacher scores do not apply.

    Args:
        queries: Schema of queries; `source_passage_id` is null for human queries.
        run: Schema of runs, descending.
        qrels: Schema of qrels; only human queries look at them.
        rules: Lengths and depth.

    Raises:
        ValueError: If a score is not finite, or human queries come without qrels.

    Example:
        >>> queries = pl.DataFrame({"query_id": ["q"], "text": ["how?"],
        ...     "query_type": ["question"], "source_passage_id": ["b"]})
        >>> run = pl.DataFrame({"query_id": ["q"], "passage_id": [["a", "b", "c"]],
        ...     "score": [[0.9, 0.8, 0.1]]})
        >>> rules = ListRules(list_length=2, min_candidates=3)
        >>> contrastive_lists(queries, run, None, rules).lists.row(0)[3:]
        (['b', 'a'], None, [])
    """
    frame = _with_positives(queries, as_candidates(run, "score"), qrels, rules)
    missing = _SYNTHETIC & pl.col("positive_score").is_null()
    frame = _drop(frame, "source_not_retrieved", missing)
    frame = _drop_shallow(frame, rules)
    # Without percentiles there are no scores in the lists.
    null = pl.lit(None, pl.Float64)
    return _curated(frame.with_columns(low=null, floor=null, high=null), rules)


def _with_positives(
    queries: pl.DataFrame,
    candidates: pl.DataFrame,
    qrels: pl.DataFrame | None,
    rules: ListRules,
) -> pl.DataFrame:
    """Joins queries, candidates (cut to `depth`) and positives; drops the bare ones.

    Adds to the queries: passage_id and score (lists), candidates, positive,
    positive_score (null where the positive is no candidate), excluded_id and reason.
    """
    known = _known_relevant(queries, qrels, rules.min_relevance)
    positives = _positives(known, candidates)
    if rules.depth is not None:
        cut = pl.col("passage_id", "score").list.head(rules.depth)
        candidates = candidates.with_columns(cut)
    frame = queries.join(
        positives, on="query_id", how="left", maintain_order="left"
    ).join(candidates, on="query_id", how="left", maintain_order="left")
    frame = frame.with_columns(
        candidates=pl.col("passage_id").list.len().fill_null(0),
        reason=pl.lit(None, pl.String),
    )
    frame = _drop(frame, "no_relevant_passage", pl.col("positive").is_null())
    return _drop(frame, "no_candidates", pl.col("candidates") == 0)


def _known_relevant(
    queries: pl.DataFrame, qrels: pl.DataFrame | None, min_relevance: int
) -> pl.DataFrame:
    """query_id, passage_id, relevance: source passages and human judgements."""
    sources = queries.filter(_SYNTHETIC).select(
        "query_id",
        passage_id="source_passage_id",
        relevance=pl.lit(min_relevance, pl.Int64),
    )
    human = queries.filter(~_SYNTHETIC)
    if human.is_empty():
        return sources
    if qrels is None:
        msg = (
            f"{len(human)} queries, such as {human['query_id'][0]!r}, have no "
            "source_passage_id, so their positive must come from qrels, but there "
            "are none. Give the qrels of these queries, or leave the queries out."
        )
        raise ValueError(msg)
    judged = qrels.filter(pl.col("relevance") >= min_relevance)
    return pl.concat(
        [sources, judged.join(human, on="query_id", how="semi").select(sources.columns)]
    )


def _positives(known: pl.DataFrame, candidates: pl.DataFrame) -> pl.DataFrame:
    """query_id, positive, positive_score, excluded_id: one row a query of `known`."""
    pair = ["query_id", "passage_id"]
    # The streaming engine explodes in chunks; only rows of `known` stay.
    scored = (
        candidates.lazy()
        .explode("passage_id", "score")
        .join(known.lazy(), on=pair, how="semi")
        .collect(engine="streaming")
    )
    return (
        known.join(scored, on=pair, how="left")
        .sort(
            "score",
            "relevance",
            "passage_id",
            descending=[True, True, False],
            nulls_last=True,
        )
        .group_by("query_id", maintain_order=True)
        .agg(
            positive=pl.col("passage_id").first(),
            positive_score=pl.col("score").first(),
            excluded_id=pl.col("passage_id").slice(1),
        )
    )


def _drop(frame: pl.DataFrame, reason: str, condition: pl.Expr) -> pl.DataFrame:
    """Notes `reason` where the condition holds and no earlier one did."""
    first = pl.when(condition & pl.col("reason").is_null()).then(pl.lit(reason))
    return frame.with_columns(reason=first.otherwise(pl.col("reason")))


def _drop_shallow(frame: pl.DataFrame, rules: ListRules) -> pl.DataFrame:
    shallow = pl.col("candidates") < rules.min_candidates
    return _drop(frame, "too_few_candidates", shallow)


def _curated(frame: pl.DataFrame, rules: ListRules) -> Curated:
    """Puts the positive first, cuts, normalises; null percentiles give null scores."""
    kept = frame.filter(pl.col("reason").is_null())
    others = (
        kept.select("query_id", "positive", "passage_id", "score")
        .with_columns(pl.col("passage_id", "score").list.head(rules.list_length))
        .explode("passage_id", "score")
        .filter(pl.col("passage_id") != pl.col("positive"))
        .group_by("query_id", maintain_order=True)
        .agg(pl.col("passage_id", "score").head(rules.list_length - 1))
    )
    low, high = pl.col("low"), pl.col("high")
    clipped = ((pl.col("score") - low) / (high - low)).list.eval(
        pl.element().clip(0, 1)
    )
    lists = (
        kept.drop("passage_id", "score")
        .join(others, on="query_id", how="left", maintain_order="left")
        .with_columns(
            _prepended("positive", "passage_id"), _prepended("positive_score", "score")
        )
        .select(
            "query_id",
            "text",
            "query_type",
            "passage_id",
            pl.when(low.is_not_null())
            .then(clipped.cast(pl.List(pl.Float32)))
            .alias("teacher_score"),
            "excluded_id",
        )
    )
    columns = ["query_id", "query_type", "candidates", "reason", "low", "floor", "high"]
    return Curated(lists, frame.select(columns))


def _prepended(first: str, rest: str) -> pl.Expr:
    """The list `rest` behind the value `first`; a null list counts as empty."""
    empty = pl.lit([], dtype=pl.List(pl.Null))
    return pl.concat_list(first, pl.col(rest).fill_null(empty)).alias(rest)

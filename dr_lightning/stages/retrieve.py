"""`retrieve`: candidates of each query, found by an encoder."""

import logging
from pathlib import Path

import polars as pl

from dr_lightning import artefacts, schemas
from dr_lightning.data.collections import load_corpus
from dr_lightning.data.token_store import token_store
from dr_lightning.metrics import evaluate_run, means
from dr_lightning.models.encoder import Encoder
from dr_lightning.retrieval import Encoding, Retriever, run_frame
from dr_lightning.search import ExactSearch, Search
from dr_lightning.texts import PASSAGE_TEMPLATE

logger = logging.getLogger(__name__)


def retrieve(
    encoder: Encoder,
    corpus: Path,
    queries: Path,
    out: Path,
    qrels: Path | None = None,
    dropped: Path | None = None,
    depth: int = 100,
    source_depth: int | None = 20,
    template: str = PASSAGE_TEMPLATE,
    encoding: Encoding | None = None,
    search: Search | None = None,
    cache: Path | None = None,
    overwrite: bool = False,
) -> None:
    """Find the best passages of a corpus for each query.

    A synthetic query stays only if the passage it was written for is among the best
    `source_depth`: the student can already find it, and the query is about it.

    Args:
        encoder: The student before training, or any other; `--encoder.backbone DIR`.
        corpus: The corpus artefact.
        queries: The queries artefact.
        out: Where the run goes, a parquet file.
        qrels: Judgements; if given, the run's nDCG@10 and R@100 are told.
        dropped: What `deduplicate` dropped: these passages are no candidates, except
            those that were merely not sampled.
        depth: Passages a query.
        source_depth: How deep a query's source passage may stand; null = no filter.
        template: Joins title and text.
        encoding: Device, precision, tokens at once.
        search: What searches; exact by default.
        cache: Folder of token stores; null = the user's cache folder.
        overwrite: Whether an existing file may be replaced.
    """
    artefacts.refuse_existing(out, overwrite)
    if depth < 1:
        msg = f"depth must be at least 1, but got {depth}."
        raise ValueError(msg)
    frame = artefacts.read(queries, schemas.QUERIES)
    ids, passages = load_corpus(
        corpus, encoder.tokenization, template, cache, _gone(dropped)
    )
    texts = token_store(
        frame.lazy().select("text"), encoder.tokenization, "query", cache
    )
    retriever = Retriever(encoder, encoding or Encoding(), search or ExactSearch())
    retriever.index(passages)
    run = run_frame(frame["query_id"], ids, retriever.top(texts, depth))
    kept = run if source_depth is None else consistent(run, frame, source_depth)
    lost = {"source passage not among the best": len(run) - len(kept)}
    extra = _quality(run, qrels)
    artefacts.write(
        kept,
        out,
        schemas.RUN,
        artefacts.Manifest(
            stage="retrieve",
            settings={
                "encoder": encoder.name,
                "depth": depth,
                "source_depth": source_depth,
                "template": template,
                "precision": (encoding or Encoding()).precision,
            },
            inputs={"corpus": corpus, "queries": queries}
            | ({} if dropped is None else {"dropped": dropped}),
            counts={"queries": len(frame), "runs": len(kept), "passages": len(ids)},
            dropped=lost,
            extra=extra,
        ),
        overwrite,
    )
    logger.info(
        "retrieve: %s queries over %s passages -> %s lists of %s (%s)%s",
        f"{len(frame):,}",
        f"{len(ids):,}",
        f"{len(kept):,}",
        depth,
        ", ".join(f"{count:,} {reason}" for reason, count in lost.items()),
        "".join(f", {name} {value:.4f}" for name, value in extra.items()),
    )


def _gone(dropped: Path | None) -> pl.LazyFrame | None:
    """The passages that are no candidates."""
    if dropped is None:
        return None
    # A sample limits what queries are written for, not what they may find.
    return artefacts.scan(dropped, schemas.DROPPED).filter(
        pl.col("reason") != schemas.NOT_SAMPLED
    )


def consistent(
    run: pl.DataFrame, queries: pl.DataFrame, source_depth: int
) -> pl.DataFrame:
    """The lists whose query was written for one of their first passages.

    Queries without a source passage, human ones, all stay.

    Args:
        run: Lists, best first.
        queries: With `source_passage_id`.
        source_depth: How deep the source may stand.

    Example:
        >>> run = pl.DataFrame({"query_id": ["q"], "passage_id": [["a", "b"]]})
        >>> queries = pl.DataFrame({"query_id": ["q"], "source_passage_id": ["b"]})
        >>> [len(consistent(run, queries, depth)) for depth in (1, 2)]
        [0, 1]
    """
    source = pl.col("source_passage_id")
    found = pl.col("passage_id").list.head(source_depth).list.contains(source)
    return (
        run.join(
            queries.select("query_id", source),
            on="query_id",
            how="left",
            maintain_order="left",
        )
        .filter(source.is_null() | found)
        .drop("source_passage_id")
    )


def _quality(run: pl.DataFrame, qrels: Path | None) -> dict[str, float]:
    if qrels is None:
        return {}
    judged = artefacts.read(qrels, schemas.QRELS)
    return means(evaluate_run(run, judged, ["nDCG@10", "R@100"]))

"""`search`: the best passages for a typed query."""

import sys
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from dr_lightning import artefacts, schemas
from dr_lightning.data.collections import load_corpus
from dr_lightning.embeddings import kept_embeddings
from dr_lightning.models.encoder import Encoder, Loading
from dr_lightning.retrieval import Encoding, Retriever
from dr_lightning.texts import PASSAGE_TEMPLATE, passage_text


def search(
    query: list[str],
    model: str,
    corpus: Path,
    k: int = 5,
    template: str = PASSAGE_TEMPLATE,
    encoding: Encoding | None = None,
    loading: Loading | None = None,
    keep: bool = True,
    cache: Path | None = None,
) -> None:
    """Show the best passages for a typed query.

    The first search of a corpus by a model encodes all of it, which takes a while; its
    embeddings are kept, so that the next one takes seconds.

    Args:
        query: What to look for, one or more.
        model: A folder that `fit` or `export` wrote, or any other encoder.
        corpus: The corpus artefact.
        k: Passages to show.
        template: Joins title and text.
        encoding: Device, precision, tokens at once.
        loading: How the model is loaded; `--loading.trust_remote_code true` for one
            that brings code.
        keep: Whether the embeddings of the corpus are kept in the cache: 1.5 GB for a
            million passages of 384 dimensions.
        cache: Folder of token stores and embeddings; null = the user's cache folder.
    """
    encoder = Encoder(model, loading=loading)
    ids, passages = load_corpus(corpus, encoder.tokenization, template, cache)
    retriever = Retriever(encoder, encoding or Encoding())
    if keep:
        embeddings = kept_embeddings(retriever, corpus, template, passages, cache)
        retriever.search.index(embeddings)
    else:
        retriever.index(passages)
    top = retriever.top(encoder.tokenization.ragged(query, "query"), k)
    console = Console(file=sys.stdout)
    for row, text in enumerate(query):
        found = [int(passage) for passage in top.rows[row] if passage >= 0]
        names = ids.gather(found)
        scores = top.scores[row, : len(found)].tolist()
        console.print(_table(text, names, scores, _texts(corpus, names, template)))


def _texts(corpus: Path, names: pl.Series, template: str) -> list[str]:
    frame = (
        artefacts.scan(corpus, schemas.CORPUS)
        .filter(pl.col("passage_id").is_in(names.implode()))
        .select("passage_id", passage_text(template))
        .collect()
    )
    texts: dict[str, str] = dict(frame.iter_rows())
    return [texts[name] for name in names]


def _table(
    query: str, names: pl.Series, scores: list[float], texts: list[str]
) -> Table:
    # Expanded, the text takes what the others leave; else it takes all.
    table = Table(title=query, title_justify="left", show_lines=False, expand=True)
    table.add_column("rank", justify="right")
    table.add_column("score", justify="right")
    table.add_column("passage", overflow="fold")
    table.add_column("text", overflow="ellipsis", no_wrap=True, ratio=1)
    rows = zip(names, scores, texts, strict=True)
    for rank, (name, score, text) in enumerate(rows, 1):
        table.add_row(str(rank), f"{score:.3f}", name, text)
    return table

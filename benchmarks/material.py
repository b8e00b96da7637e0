"""Real texts and training lists for the benchmarks, made once and kept in a cache."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from setting import Setting

from dr_lightning import artefacts, schemas
from dr_lightning.data.collections import load_corpus
from dr_lightning.data.token_store import TokenStore, token_store
from dr_lightning.data.training_lists import EMPTY, TrainingLists
from dr_lightning.models.encoding import encode
from dr_lightning.search import ExactSearch
from dr_lightning.stages.ingest import ingest
from dr_lightning.texts import passage_text

CANDIDATE_TOKENS = 64
"""Tokens of a passage that candidates are found by: any plausible list will do."""


@dataclass(frozen=True)
class Material:
    """Training lists and their texts.

    Args:
        lists: Over rows of `passage`.
        query: Text of each list's query.
        passage: Text of each passage of the corpus.
    """

    lists: TrainingLists
    query: list[str]
    passage: list[str]


def read_collection(setting: Setting) -> Path:
    """Ingests the collection unless the cache has it, and returns the folder."""
    out = setting.cache / f"collection-{_short(setting.collection.resolve())}"
    if not (out / "corpus.parquet").exists():
        ingest(setting.collection, out)
    return out


def passages(setting: Setting) -> list[str]:
    """Text of every passage, title and text joined as everywhere."""
    corpus = artefacts.scan(read_collection(setting) / "corpus.parquet", schemas.CORPUS)
    return corpus.select(passage_text()).collect().to_series().to_list()


def judged(setting: Setting, split: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Queries of a split that have a relevant passage, and its qrels.

    Args:
        setting: Names the collection.
        split: Such as "train".
    """
    folder = read_collection(setting) / split
    qrels = artefacts.read(folder / "qrels.parquet", schemas.QRELS)
    queries = artefacts.read(folder / "queries.parquet", schemas.QUERIES)
    relevant = qrels.filter(pl.col("relevance") > 0)
    return queries.join(relevant, on="query_id", how="semi"), qrels


def passage_embeddings(setting: Setting) -> NDArray[np.float32]:
    """Embeddings of the corpus' beginnings, in its order; computed once."""
    made = setting.model.resolve(), setting.collection.resolve(), setting.pooling
    path = setting.cache / f"embeddings-{_short(*made)}.npy"
    if not path.exists():
        encoder = setting.encoder(CANDIDATE_TOKENS)
        corpus = read_collection(setting) / "corpus.parquet"
        _, store = load_corpus(corpus, encoder.tokenization, cache=setting.cache)
        np.save(path, encode(encoder, store, "passage", label="candidates"))
    found: NDArray[np.float32] = np.load(path)
    return found


def human_lists(setting: Setting, length: int) -> Material:
    """A list for each train query: a relevant passage, then the nearest others.

    Further relevant passages are excluded. There are no teacher scores.

    Args:
        setting: Names the collection and the encoder that finds candidates.
        length: Passages a list.
    """
    queries, qrels = judged(setting, "train")
    relevant = _relevant_rows(setting, queries, qrels)
    most = max(map(len, relevant))
    candidates = nearest(setting, queries["text"], length + most)
    passage = np.full((len(queries), length), EMPTY, dtype=np.int64)
    excluded = np.full((len(queries), most - 1), EMPTY, dtype=np.int64)
    for row, (own, found) in enumerate(zip(relevant, candidates, strict=True)):
        others = found[~np.isin(found, own)][: length - 1]
        passage[row, : 1 + len(others)] = [own[0], *others]
        excluded[row, : len(own) - 1] = own[1:]
    lists = TrainingLists(
        queries["query_id"], passage, None, excluded, queries["query_type"]
    )
    return Material(lists, queries["text"].to_list(), passages(setting))


def token_stores(
    setting: Setting, material: Material, cache: Path
) -> tuple[TokenStore, TokenStore]:
    """Token ids of queries and passages.

    Args:
        setting: Names the model.
        material: The texts.
        cache: Folder of stores; a new one if tokenising shall be timed.
    """
    tokenization = setting.encoder().tokenization
    query = pl.LazyFrame({"text": material.query})
    passage = pl.LazyFrame({"text": material.passage})
    return (
        token_store(query, tokenization, "query", cache),
        token_store(passage, tokenization, "passage", cache),
    )


def nearest(setting: Setting, queries: pl.Series, depth: int) -> NDArray[np.int64]:
    """Rows of the passages nearest to each query, `(queries, depth)`.

    Args:
        setting: Names the collection and the encoder.
        queries: Texts; the column's name is text.
        depth: Passages a query.
    """
    encoder = setting.encoder(CANDIDATE_TOKENS)
    frame = queries.to_frame().lazy()
    store = token_store(frame, encoder.tokenization, "query", setting.cache)
    search = ExactSearch()
    search.index(passage_embeddings(setting))
    embedded = torch.from_numpy(encode(encoder, store, "query"))
    found: NDArray[np.int64] = search.search(embedded, depth).rows.numpy()
    return found


def _relevant_rows(
    setting: Setting, queries: pl.DataFrame, qrels: pl.DataFrame
) -> list[list[int]]:
    corpus = artefacts.scan(read_collection(setting) / "corpus.parquet", schemas.CORPUS)
    rows = corpus.select("passage_id").with_row_index("row").collect()
    grouped = (
        qrels.filter(pl.col("relevance") > 0)
        .join(rows, on="passage_id")
        .group_by("query_id")
        .agg(pl.col("row").sort())
    )
    joined = queries.join(grouped, on="query_id", how="left", maintain_order="left")
    return joined["row"].to_list()


def _short(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]

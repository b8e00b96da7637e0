"""Retrieval collections: a corpus, queries, and which passages are relevant to them."""

import logging
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import polars as pl

from dr_lightning import artefacts, schemas
from dr_lightning.data.token_store import TokenStore, token_store
from dr_lightning.distributed import rank
from dr_lightning.inputs import read_judged
from dr_lightning.metrics import Judgements
from dr_lightning.models.tokenization import Tokenization
from dr_lightning.texts import PASSAGE_TEMPLATE, passage_text

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Collection:
    """Where a collection's artefacts lie.

    Args:
        name: Stands in the metrics' keys, `val/{name}/nDCG@10`, and in names of files.
        corpus: All passages that are searched.
        queries: Queries; those without judgement are left out.
        qrels: Judgements; those of other queries, as of a whole split, count nothing.
        drop_identical: Whether a passage with the query's own id is removed from its
            results, as ArguAna asks.

    Raises:
        ValueError: If the name cannot be a file's.
    """

    name: str
    corpus: Path
    queries: Path
    qrels: Path
    drop_identical: bool = False

    def __post_init__(self) -> None:
        """Checks the name."""
        if not self.name.strip() or Path(self.name).name != self.name:
            msg = (
                f"a collection is called {self.name!r}, but its name becomes a file's: "
                "give it some letters and no slash."
            )
            raise ValueError(msg)

    @property
    def files(self) -> dict[str, Path]:
        """Its artefacts by name."""
        return {"corpus": self.corpus, "queries": self.queries, "qrels": self.qrels}


@dataclass(frozen=True)
class Collections:
    """Which collections the retrieval metrics are computed on.

    Args:
        validation: Searched during `fit` and by `validate`: they may select a model.
        test: Searched by `test` alone.
    """

    validation: list[Collection] = field(default_factory=list)
    test: list[Collection] = field(default_factory=list)


@dataclass(frozen=True)
class LoadedCollection:
    """A collection whose texts are tokenised.

    Args:
        source: Where it comes from.
        passage_id: Ids of the passages, in the order of `passage`.
        query_id: Ids of the judged queries, in the order of `query`.
        passage: Token ids of the passages.
        query: Token ids of the queries.
        qrels: Judgements of these queries.
    """

    source: Collection
    passage_id: pl.Series
    query_id: pl.Series
    passage: TokenStore
    query: TokenStore
    qrels: pl.DataFrame

    @property
    def name(self) -> str:
        """The collection's name."""
        return self.source.name

    @cached_property
    def judgements(self) -> Judgements:
        """Relevances by row; made once, as it sorts the ids of the whole corpus."""
        identical = self.source.drop_identical
        return Judgements(self.qrels, self.query_id, self.passage_id, identical)


def load_corpus(
    path: Path,
    tokenization: Tokenization,
    template: str = PASSAGE_TEMPLATE,
    cache: Path | None = None,
    without: pl.LazyFrame | None = None,
) -> tuple[pl.Series, TokenStore]:
    """Passage ids of a corpus, in its order, and its token store.

    Tells how many passages are longer than what the model reads.

    Args:
        path: The corpus artefact.
        tokenization: The encoder's tokenizer and formats.
        template: Joins title and text.
        cache: Folder of token stores.
        without: Column passage_id: passages to leave out; null = none.
    """
    corpus = scan_corpus(path, without)
    ids = corpus.select("passage_id").collect().to_series()
    texts = corpus.select(passage_text(template))
    passages = token_store(texts, tokenization, "passage", cache)
    _tell_cut(passages, tokenization.framings["passage"].max_tokens, path)
    return ids, passages


def _tell_cut(passages: TokenStore, max_tokens: int, path: Path) -> None:
    longer = int((passages.lengths > max_tokens).sum())
    if longer and rank() == 0:
        logger.info(
            "%s: %s of %s passages have more than the %d tokens that the model sees",
            path,
            f"{longer:,}",
            f"{len(passages):,}",
            max_tokens,
        )


def scan_corpus(path: Path, without: pl.LazyFrame | None = None) -> pl.LazyFrame:
    """A corpus, read lazily, some passages left out.

    Args:
        path: The corpus artefact.
        without: Column passage_id: passages to leave out; null = none.
    """
    corpus = artefacts.scan(path, schemas.CORPUS)
    if without is None:
        return corpus
    return corpus.join(without, on="passage_id", how="anti", maintain_order="left")


def load_collection(
    collection: Collection,
    tokenization: Tokenization,
    template: str = PASSAGE_TEMPLATE,
    cache: Path | None = None,
) -> LoadedCollection:
    """Reads a collection and tokenises what is not yet in the token store.

    Args:
        collection: Where it lies.
        tokenization: The encoder's tokenizer and formats.
        template: Joins title and text.
        cache: Folder of token stores.

    Raises:
        ValueError: If no query has a judgement, or ids of the corpus repeat.
    """
    passage_id, passage = load_corpus(collection.corpus, tokenization, template, cache)
    queries = artefacts.read(collection.queries, schemas.QUERIES)
    qrels, _ = read_judged(collection.qrels, queries)
    judged = queries.join(qrels, on="query_id", how="semi", maintain_order="left")
    query = token_store(judged.lazy().select("text"), tokenization, "query", cache)
    return LoadedCollection(
        source=collection,
        passage_id=passage_id,
        query_id=judged["query_id"],
        passage=passage,
        query=query,
        qrels=qrels,
    )

"""Retrieval metrics in the loop: encode the corpus, search it exactly, judge."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from numpy.typing import NDArray
from torch import Tensor

from dr_lightning import artefacts, schemas, trec
from dr_lightning.callbacks.run_folder import run_folder
from dr_lightning.data.collections import LoadedCollection
from dr_lightning.data.retrieval import RetrievalDataModule
from dr_lightning.distributed import (
    all_gather_variable,
    gather_object,
    rank,
    world_size,
)
from dr_lightning.metrics import Judgements, RetrievalMetrics
from dr_lightning.models.bi_encoder import BiEncoder
from dr_lightning.models.dealing import deal
from dr_lightning.models.encoding import BATCH_TOKENS, encode
from dr_lightning.retrieval import run_frame
from dr_lightning.search import ExactSearch, Search, TopK, merge_top_k

DEFAULT_MEASURES = ("nDCG@10", "R@100", "RR@10")


@dataclass(frozen=True)
class SubCorpus:
    """The part of a corpus that is searched while training goes on.

    All judged passages, those that the base model ranks first, and some at random: a
    fixed set, so that evaluations compare. Its metrics are higher than those of the
    whole corpus.

    Args:
        top: Passages of each query that the base model ranks first.
        random: Passages drawn at random on top.
        seed: Of the draw.
        whole_at_ends: Whether the whole corpus is searched before the first step and
            after the last; needed to know what the base model ranks first.

    Raises:
        ValueError: If `top` is above 0 without `whole_at_ends`.
    """

    top: int = 100
    random: int = 1000
    seed: int = 0
    whole_at_ends: bool = True

    def __post_init__(self) -> None:
        """Checks that what the base ranks first can be known."""
        if self.top and not self.whole_at_ends:
            msg = (
                f"top={self.top} needs the base model to search the whole corpus, but "
                "whole_at_ends is false. Set top to 0, or whole_at_ends to true."
            )
            raise ValueError(msg)


class EvaluateRetrieval(Callback):
    """Logs `val/{collection}/{measure}` and the mean over collections.

    At each validation (and test) the corpus of every collection is encoded, length
    sorted and from the token store, searched exactly, and judged as trec_eval does.
    Across ranks the corpus is dealt out by tokens, the best of each rank are merged,
    and each rank judges its share of the queries.

    Args:
        measures: Names of ir_measures: nDCG@k, R@k, RR@k, AP, P@k, Success@k.
        search: What searches the embeddings.
        sub_corpus: Part of the corpus to search at the evaluations during `fit`; null
            = the whole corpus each time.
        write_runs: Whether runs (parquet and TREC) and per-query values are written to
            the run's folder, under `retrieval/`.
        batch_tokens: Padded tokens that are encoded at once.
    """

    def __init__(
        self,
        measures: Sequence[str] = DEFAULT_MEASURES,
        search: Search | None = None,
        sub_corpus: SubCorpus | None = None,
        write_runs: bool = True,
        batch_tokens: int = BATCH_TOKENS,
    ) -> None:
        self.measures = list(measures)
        self.search = search or ExactSearch()
        self.sub_corpus = sub_corpus
        self.write_runs = write_runs
        self.batch_tokens = batch_tokens
        self._rows: dict[str, NDArray[np.int64]] = {}

    def state_dict(self) -> dict[str, Any]:
        """The sub-corpora, so that a resumed run goes on with the same."""
        return {"rows": {k: torch.from_numpy(v) for k, v in self._rows.items()}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes the sub-corpora of a checkpoint.

        Args:
            state_dict: What `state_dict` gave.
        """
        self._rows = {k: v.numpy() for k, v in state_dict["rows"].items()}

    def on_validation_epoch_end(
        self, trainer: Trainer, pl_module: LightningModule
    ) -> None:
        """Evaluates the validation collections."""
        if not trainer.sanity_checking:
            self._evaluate_all(trainer, pl_module, "val")

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Evaluates the test collections."""
        self._evaluate_all(trainer, pl_module, "test")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Evaluates the last weights on the whole corpus, where a part was searched."""
        if self.sub_corpus is None or not self.sub_corpus.whole_at_ends:
            return
        values: dict[str, float] = {}
        for collection in self._collections(trainer, "val"):
            found = self._evaluate(trainer, pl_module, collection, "last", None)
            values |= {f"last/{collection.name}/{k}": v for k, v in found.items()}
        for log in trainer.loggers:
            log.log_metrics(values, trainer.global_step)

    def _evaluate_all(
        self, trainer: Trainer, pl_module: LightningModule, stage: str
    ) -> None:
        collections = self._collections(trainer, stage)
        values: dict[str, list[float]] = {name: [] for name in self.measures}
        for collection in collections:
            rows = self._searched(trainer, collection)
            found = self._evaluate(trainer, pl_module, collection, stage, rows)
            for measure, value in found.items():
                values[measure].append(value)
                key = f"{stage}/{collection.name}/{measure}"
                pl_module.log(key, value, rank_zero_only=False)
        for measure, several in values.items():
            if several:
                mean = float(np.mean(several))
                pl_module.log(f"{stage}/{measure}", mean, prog_bar=True)

    def _collections(self, trainer: Trainer, stage: str) -> list[LoadedCollection]:
        data = getattr(trainer, "datamodule", None)
        if not isinstance(data, RetrievalDataModule):
            return []
        sources = data.collections
        return data.loaded(sources.test if stage == "test" else sources.validation)

    def _searched(
        self, trainer: Trainer, collection: LoadedCollection
    ) -> NDArray[np.int64] | None:
        """Rows of the corpus to search now; None = all."""
        part = self.sub_corpus
        if part is None or trainer.state.fn != "fit":
            return None
        if part.whole_at_ends and trainer.global_step == 0:
            return None
        if not part.whole_at_ends and collection.name not in self._rows:
            nothing = torch.empty((0, 0), dtype=torch.long)
            self._rows[collection.name] = _part(part, collection, nothing)
        return self._rows.get(collection.name)

    def _evaluate(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        collection: LoadedCollection,
        stage: str,
        rows: NDArray[np.int64] | None,
    ) -> dict[str, float]:
        judgements = Judgements(
            collection.qrels,
            collection.query_id,
            collection.passage_id,
            collection.source.drop_identical,
        )
        metric = RetrievalMetrics(judgements, self.measures).to(pl_module.device)
        top = self._search(trainer, pl_module, collection, metric.depth, rows)
        share = np.array_split(np.arange(len(collection.query)), world_size())[rank()]
        own = torch.from_numpy(share).to(top.rows.device)
        metric.update(own, top.rows[own], top.scores[own])
        values = {name: value.item() for name, value in metric.compute().items()}
        per_query = metric.per_query()
        root = run_folder(trainer)
        if trainer.is_global_zero:
            if self._is_base(trainer) and self.sub_corpus is not None:
                self._rows[collection.name] = _part(
                    self.sub_corpus, collection, top.rows
                )
            if self.write_runs and root is not None:
                folder = root / "retrieval" / f"{stage}-{trainer.global_step}"
                self._write(trainer.global_step, collection, folder, top, per_query)
        self._rows = gather_object(self._rows)[0]
        return values

    @staticmethod
    def _is_base(trainer: Trainer) -> bool:
        return trainer.state.fn == "fit" and trainer.global_step == 0

    def _search(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        collection: LoadedCollection,
        depth: int,
        rows: NDArray[np.int64] | None,
    ) -> TopK:
        """The best `depth` passages of every query, on every rank."""
        module = cast(BiEncoder, pl_module)
        if rows is None:
            rows = np.arange(len(collection.passage))
        own = rows[deal(collection.passage.lengths[rows], world_size())[rank()]]
        label = collection.name if trainer.is_global_zero else None
        with trainer.precision_plugin.forward_context():
            query = encode(
                module.encoder,
                collection.query,
                "query",
                batch_tokens=self.batch_tokens,
            )
            passage = encode(
                module.encoder,
                collection.passage,
                "passage",
                own,
                self.batch_tokens,
                label=label and f"encode {label}",
            )
        self.search.index(passage)
        device = module.device
        found = self.search.search(torch.from_numpy(query).to(device), depth)
        table = torch.from_numpy(own).to(device)
        global_rows = _to_corpus(found.rows, table)
        return _merged(TopK(found.scores, global_rows), depth)

    def _write(
        self,
        step: int,
        collection: LoadedCollection,
        folder: Path,
        top: TopK,
        per_query: pl.DataFrame,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        run = run_frame(collection.query_id, collection.passage_id, top)
        manifest = artefacts.Manifest(
            stage="evaluate",
            settings={"measures": self.measures, "step": step},
            inputs={
                "corpus": collection.source.corpus,
                "queries": collection.source.queries,
                "qrels": collection.source.qrels,
            },
        )
        path = folder / f"{collection.name}.parquet"
        artefacts.write(run, path, schemas.RUN, manifest, overwrite=True)
        trec.write_run(run, path.with_suffix(".trec"), tag=collection.name)
        per_query.write_parquet(folder / f"{collection.name}.per_query.parquet")


def _to_corpus(rows: Tensor, table: Tensor) -> Tensor:
    """Rows of a share as rows of the corpus; -1 stays."""
    if not len(table):
        return rows
    return torch.where(rows >= 0, table[rows.clamp(min=0)], -1)


def _merged(own: TopK, depth: int) -> TopK:
    """The best of all ranks' shares, the same on every rank."""
    ranks = world_size()
    if ranks == 1:
        return own
    queries = len(own.rows)
    scores = all_gather_variable(own.scores, [queries] * ranks).chunk(ranks)
    rows = all_gather_variable(own.rows, [queries] * ranks).chunk(ranks)
    return merge_top_k(list(zip(scores, rows, strict=True)), depth)


def _part(
    settings: SubCorpus, collection: LoadedCollection, top: Tensor
) -> NDArray[np.int64]:
    """Judged passages, the base model's best, and some at random, ascending."""
    judged = collection.passage_id.is_in(collection.qrels["passage_id"].implode())
    best = np.unique(top[:, : settings.top].cpu().numpy())
    generator = np.random.default_rng(settings.seed)
    size = len(collection.passage)
    drawn = generator.permutation(size)[: settings.random]
    rows = np.concatenate([judged.arg_true().to_numpy(), best[best >= 0], drawn])
    return np.unique(rows).astype(np.int64)

"""Retrieval metrics in the loop: encode the corpus, search it exactly, judge."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from numpy.typing import NDArray
from torch import Tensor

from dr_lightning.callbacks.corpus_search import search_corpus
from dr_lightning.callbacks.evaluate_base import EvaluateBase
from dr_lightning.callbacks.found import Found
from dr_lightning.callbacks.retrieval_files import write_retrieval
from dr_lightning.callbacks.run_folder import run_folder
from dr_lightning.callbacks.sub_corpus import SubCorpus
from dr_lightning.data.collections import LoadedCollection
from dr_lightning.data.retrieval import RetrievalDataModule
from dr_lightning.distributed import gather_object, rank, world_size
from dr_lightning.metrics import RetrievalMetrics
from dr_lightning.models.bi_encoder import BiEncoder
from dr_lightning.models.lightning_callbacks import averaged_weights
from dr_lightning.search import ExactSearch, Search

DEFAULT_MEASURES = ("nDCG@10", "R@100", "RR@10")


class EvaluateRetrieval(Callback):
    """Logs `val/{collection}/{measure}` and the mean over collections.

    At each validation (and test) the corpus of every collection is encoded, length
    sorted and from the token store, searched exactly, and judged as trec_eval does.
    Across ranks the corpus is dealt out by tokens, the best of each rank are merged,
    and each rank judges its share of the queries.

    All values of a key are of the same passages. With a `sub_corpus` that are those of
    the part, the base's too; what the base and the last weights find in the whole
    corpus is `base/{collection}/{measure}` and `last/{collection}/{measure}`.

    Args:
        measures: Names of ir_measures: nDCG@k, R@k, RR@k, AP, P@k, Success@k.
        search: What searches the embeddings.
        sub_corpus: Part of the corpus to search at the evaluations during `fit`; null
            = the whole corpus each time.
        write_runs: Whether runs (parquet and TREC) and per-query values are written to
            the run's folder, under `retrieval/`.
        batch_tokens: Padded tokens that are encoded at once; null = what suits the
            device.
    """

    def __init__(
        self,
        measures: Sequence[str] = DEFAULT_MEASURES,
        search: Search | None = None,
        sub_corpus: SubCorpus | None = None,
        write_runs: bool = True,
        batch_tokens: int | None = None,
    ) -> None:
        self.measures = list(measures)
        self.search = search or ExactSearch()
        self.sub_corpus = sub_corpus
        self.write_runs = write_runs
        self.batch_tokens = batch_tokens
        #: What the last evaluation found, by collection.
        self.found: dict[str, Found] = {}
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

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuses a part of the corpus that nothing would choose.

        Raises:
            ValueError: If the base, whose ranking chooses it, is not validated, or a
                checkpoint lacks it.
        """
        part = self.sub_corpus
        if part is None or not part.whole_at_ends or not trainer.enable_validation:
            return
        callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
        base = any(isinstance(callback, EvaluateBase) for callback in callbacks)
        if base and trainer.global_step == 0:
            return
        names = [one.name for one in self._collections(trainer, "val")]
        if missing := sorted(set(names) - set(self._rows)):
            why = (
                "the checkpoint has no part of theirs"
                if trainer.global_step > 0
                else "EvaluateBase, which finds that, is not among the callbacks"
            )
            msg = (
                "sub_corpus with whole_at_ends searches what the base ranked first, "
                f"but for {missing} {why}. Set sub_corpus.whole_at_ends to false, or "
                "start anew with EvaluateBase."
            )
            raise ValueError(msg)

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
        with averaged_weights(trainer, pl_module):
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
            rows = self._searched(trainer, pl_module, collection)
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
        self, trainer: Trainer, pl_module: LightningModule, collection: LoadedCollection
    ) -> NDArray[np.int64] | None:
        """Rows of the corpus to search now; None = all."""
        part, name = self.sub_corpus, collection.name
        if part is None or trainer.state.fn != "fit":
            return None
        if part.whole_at_ends and trainer.global_step == 0:
            top = self._base_on_whole(trainer, pl_module, collection)
        elif not part.whole_at_ends and name not in self._rows:
            top = torch.empty((0, 0), dtype=torch.long)
        else:
            return self._rows.get(name)
        self._rows[name] = gather_object(part.rows(collection, top))[0]
        return self._rows[name]

    def _base_on_whole(
        self, trainer: Trainer, pl_module: LightningModule, collection: LoadedCollection
    ) -> Tensor:
        """Judges the base on the whole corpus; what it ranks, as rows."""
        values = self._evaluate(trainer, pl_module, collection, "base", None)
        for measure, value in values.items():
            key = f"base/{collection.name}/{measure}"
            pl_module.log(key, value, rank_zero_only=False)
        return self.found[collection.name].top.rows

    def _evaluate(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        collection: LoadedCollection,
        stage: str,
        rows: NDArray[np.int64] | None,
    ) -> dict[str, float]:
        metric = RetrievalMetrics(collection.judgements, self.measures)
        metric = metric.to(pl_module.device)
        with trainer.precision_plugin.forward_context():
            top = search_corpus(
                cast(BiEncoder, pl_module).encoder,
                collection,
                rows,
                self.search,
                metric.depth,
                self.batch_tokens,
            )
        share = np.array_split(np.arange(len(collection.query)), world_size())[rank()]
        own = torch.from_numpy(share).to(top.rows.device)
        metric.update(own, top.rows[own], top.scores[own])
        values = {name: value.item() for name, value in metric.compute().items()}
        found = Found(collection, rows, top, metric.per_query())
        self.found[collection.name] = found
        root = run_folder(trainer)  # the ranks agree on it
        if self.write_runs and root is not None and trainer.is_global_zero:
            step = trainer.global_step
            folder = root / "retrieval" / f"{stage}-{step}"
            write_retrieval(folder, found, self.measures, step)
        return values

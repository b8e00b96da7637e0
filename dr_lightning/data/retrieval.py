"""Collections alone, for `validate`, `test` and `predict`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from lightning.pytorch import LightningDataModule, Trainer
from torch.utils.data import DataLoader

from dr_lightning.data.collections import (
    Collection,
    Collections,
    LoadedCollection,
    load_collection,
)
from dr_lightning.models.tokenization import Tokenization
from dr_lightning.texts import PASSAGE_TEMPLATE, check_template


@dataclass(frozen=True)
class Reading:
    """How texts are read and loaded.

    Args:
        template: Joins title and text of a passage, in training and evaluation alike.
        cache: Folder of token stores; null = `$DR_LIGHTNING_CACHE` or the user's cache
            folder.
        workers: Processes that make batches; 0 = the main process, which is enough
            since nothing is tokenised in the loop.
    """

    template: str = PASSAGE_TEMPLATE
    cache: Path | None = None
    workers: int = 0

    def __post_init__(self) -> None:
        """Checks template and workers."""
        check_template(self.template)
        if self.workers < 0:
            msg = f"workers must be at least 0, but got {self.workers}."
            raise ValueError(msg)


@runtime_checkable
class HasTokenization(Protocol):
    """A LightningModule whose encoder tells how texts become token ids."""

    @property
    def tokenization(self) -> Tokenization:
        """Tokenizer, prompts and limits."""


def tokenization_of(trainer: Trainer | None) -> Tokenization:
    """The tokenization of the model that a data module feeds.

    Args:
        trainer: The Trainer that both are attached to.

    Raises:
        ValueError: If the model tells none.
    """
    module = None if trainer is None else trainer.lightning_module
    if not isinstance(module, HasTokenization):
        msg = (
            "the data module needs a model with a `tokenization`, such as BiEncoder, "
            f"but got {type(module).__name__}."
        )
        raise ValueError(msg)
    return module.tokenization


def stage_of(trainer: Trainer | None) -> str:
    """What runs, such as "fit" or "validate"; empty where nothing does.

    Args:
        trainer: The Trainer that a data module is attached to.
    """
    fn = None if trainer is None else trainer.state.fn
    return "" if fn is None else fn.value


class RetrievalDataModule(LightningDataModule):
    """Collections for the `RetrievalMetrics` callback, without training lists.

    The callback encodes and searches; the loaders below only hand it the names, so
    that Lightning runs its loop.

    Args:
        collections: Which collections are searched by `validate` and by `test`.
        reading: Template, cache and workers.
    """

    def __init__(
        self, collections: Collections | None = None, reading: Reading | None = None
    ) -> None:
        super().__init__()
        self.collections = collections or Collections()
        self.reading = reading or Reading()
        check_names(self.collections)
        self._loaded: dict[str, LoadedCollection] = {}

    def prepare_data(self) -> None:
        """Tokenises the collections, on one process: the others open the stores."""
        tested = stage_of(self.trainer) in {"test", "predict"}
        sources = self.collections.test if tested else self.collections.validation
        if sources:
            self.loaded(sources)

    def loaded(self, sources: list[Collection]) -> list[LoadedCollection]:
        """The collections, read and tokenised on first use.

        Args:
            sources: Some of `collections`.
        """
        tokenization = tokenization_of(self.trainer)
        for source in sources:
            if source.name not in self._loaded:
                self._loaded[source.name] = load_collection(
                    source, tokenization, self.reading.template, self.reading.cache
                )
        return [self._loaded[source.name] for source in sources]

    def val_dataloader(self) -> list[DataLoader[str]]:
        """One loader over the names of the validation collections."""
        return names_loader(self.collections.validation)

    def test_dataloader(self) -> list[DataLoader[str]]:
        """One loader over the names of the test collections."""
        return names_loader(self.collections.test)

    def predict_dataloader(self) -> list[DataLoader[str]]:
        """One loader over the names of the test collections."""
        return names_loader(self.collections.test)


def names_loader(sources: list[Collection]) -> list[DataLoader[str]]:
    """A loader whose batches are the names of collections; none where there are none.

    Args:
        sources: The collections.
    """
    if not sources:
        return []
    names = cast("list[str]", [source.name for source in sources])
    return [DataLoader(names, batch_size=None)]  # type: ignore[arg-type]


def check_names(collections: Collections) -> None:
    """Refuses two different collections of one name.

    Args:
        collections: Validation and test.

    Raises:
        ValueError: If a name stands for two collections.
    """
    seen: dict[str, Collection] = {}
    for source in [*collections.validation, *collections.test]:
        if seen.setdefault(source.name, source) != source:
            msg = (
                f"two collections are named {source.name!r}. Give each its own name: "
                "it stands in the keys of the metrics."
            )
            raise ValueError(msg)

"""How far training moved the embeddings from those of the base model."""

from typing import Any, cast

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from dr_lightning.data.batch_dataset import BatchDataset
from dr_lightning.data.lists_module import TrainingListDataModule
from dr_lightning.models.bi_encoder import BiEncoder
from dr_lightning.models.encoding import encode
from dr_lightning.models.tokenization import Side


class EmbeddingDrift(Callback):
    """Logs how far a fixed sample of dev queries and passages moved from the base.

    At each validation, for `query` and `passage`:

    - `val/drift/query_to_base`: mean cosine of an embedding to that of the same text
      by the base model. 1 = nothing moved; queries that move while passages do not are
      cheap to deploy, for the index can stay.
    - `val/drift/query_pairwise`: mean cosine of two different texts of the sample. It
      rises where embeddings crowd together.

    The base's embeddings are made before the first step and lie in checkpoints, so that
    a resumed run compares with the same. Every rank encodes the whole sample.

    Args:
        sample: Dev queries, and passages of the dev lists, at most.
        seed: Of the sample.
        batch_tokens: Padded tokens that are encoded at once; null = what suits the
            device.

    Raises:
        ValueError: If `sample` is below 2, there are no dev lists, or a run is resumed
            that began without this callback.
    """

    def __init__(
        self, sample: int = 512, seed: int = 0, batch_tokens: int | None = None
    ) -> None:
        if sample < 2:
            msg = f"sample must be at least 2, but got {sample}."
            raise ValueError(msg)
        self.sample = sample
        self.seed = seed
        self.batch_tokens = batch_tokens
        self.rows: dict[str, Tensor] = {}
        self.base: dict[str, Tensor] = {}

    def state_dict(self) -> dict[str, Any]:
        """The sample and the base's embeddings of it."""
        return {"rows": self.rows, "base": self.base}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a checkpoint.

        Args:
            state_dict: What `state_dict` gave.
        """
        self.rows, self.base = dict(state_dict["rows"]), dict(state_dict["base"])

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draws the sample and embeds it, unless a checkpoint brought both."""
        if self.base:
            return
        if trainer.ckpt_path is not None:
            msg = (
                f"{trainer.ckpt_path} is of a run without EmbeddingDrift, so what its "
                "base embedded is not known. Leave the callback out, or start anew."
            )
            raise ValueError(msg)
        self.rows = self._drawn(_dev(trainer))
        self.base = self._embedded(trainer, pl_module)

    def on_validation_epoch_end(
        self, trainer: Trainer, pl_module: LightningModule
    ) -> None:
        """Embeds the sample again and compares."""
        if trainer.sanity_checking or trainer.state.fn != "fit":
            return
        for side, now in self._embedded(trainer, pl_module).items():
            base = self.base[side]
            pl_module.log(f"val/drift/{side}_to_base", mean_cosine(now, base))
            pl_module.log(f"val/drift/{side}_pairwise", mean_pairwise_cosine(now))

    def _drawn(self, dev: BatchDataset) -> dict[str, Tensor]:
        generator = np.random.default_rng(self.seed)
        listed = np.unique(dev.lists.passage)
        among: dict[str, NDArray[np.int64]] = {
            "query": np.arange(len(dev.lists)),
            "passage": listed[listed >= 0],
        }
        return {
            side: torch.from_numpy(np.sort(generator.permutation(rows)[: self.sample]))
            for side, rows in among.items()
        }

    def _embedded(
        self, trainer: Trainer, pl_module: LightningModule
    ) -> dict[str, Tensor]:
        dev, encoder = _dev(trainer), cast(BiEncoder, pl_module).encoder
        found: dict[str, Tensor] = {}
        sides: tuple[Side, Side] = ("query", "passage")
        with trainer.precision_plugin.forward_context():
            for side in sides:
                texts = dev.query if side == "query" else dev.passage
                rows = self.rows[side].numpy()
                embedding = encode(encoder, texts, side, rows, self.batch_tokens)
                found[side] = torch.from_numpy(embedding)
        return found


def mean_cosine(one: Tensor, other: Tensor) -> float:
    """The mean cosine of the rows of one matrix and those of another, in [-1, 1].

    Args:
        one: Embeddings, `(texts, dim)`.
        other: Those of the same texts.

    Example:
        >>> one, other = torch.eye(2), torch.tensor([[5.0, 0.0], [1.0, 0.0]])
        >>> mean_cosine(one, other)
        0.5
    """
    return float((_unit(one) * _unit(other)).sum(-1).mean())


def mean_pairwise_cosine(embedding: Tensor) -> float:
    r"""The mean cosine of two different rows, in [-1, 1].

    With unit rows x of n texts: $(\|\sum_i x_i\|^2 - n) / (n (n - 1))$.

    Args:
        embedding: `(texts, dim)`, at least two texts.

    Example:
        >>> mean_pairwise_cosine(torch.tensor([[2.0, 0.0], [0.0, 3.0], [0.0, 1.0]]))
        0.3333333333333333
    """
    unit, count = _unit(embedding), len(embedding)
    return float((unit.sum(0).square().sum() - count) / (count * (count - 1)))


def _unit(embedding: Tensor) -> Tensor:
    return normalize(embedding.double(), dim=-1)


def _dev(trainer: Trainer) -> BatchDataset:
    data = getattr(trainer, "datamodule", None)
    dev = data.dev if isinstance(data, TrainingListDataModule) else None
    if dev is None or len(dev.lists) < 2:
        msg = (
            "EmbeddingDrift takes its sample from the dev lists, but there are fewer "
            "than 2. Give `data.lists.dev`."
        )
        raise ValueError(msg)
    return dev

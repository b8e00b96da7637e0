"""The encoder: a Hugging Face backbone, pooling, and how queries and passages read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, PretrainedConfig

from dr_lightning.models.encoder_folder import (
    GivenSettings,
    read_settings,
    write_settings,
)
from dr_lightning.models.model_files import ModelFiles
from dr_lightning.models.pooling import Pooling, pool
from dr_lightning.models.pretrained import quiet_loading
from dr_lightning.models.tokenization import TextFormat, Tokenization
from dr_lightning.models.weights import locate


@dataclass(frozen=True)
class Loading:
    """How the backbone is loaded.

    Args:
        attention: Attention implementation of transformers ("sdpa", "eager",
            "flash_attention_2"); null = the backbone's default.
        dtype: Type of the weights. Mixed precision is the Trainer's: leave float32.
        trust_remote_code: Whether to run code that comes with the model. GTE v1.5
            needs it; only say so for a model whose code you have read.
        revision: Branch, tag or commit of a hub model.
    """

    attention: str | None = None
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    trust_remote_code: bool = False
    revision: str | None = None


class Encoder(nn.Module):
    """Encodes texts, queries and passages alike, into vectors of one space.

    The backbone's last hidden states are pooled and, if `normalize`, scaled to length
    1, so that the inner product of two embeddings is their cosine in [-1, 1]. What is
    null is taken from the model's folder (`encoder.json` of an export, or the files of
    sentence-transformers), then from the method's defaults: queries of 64 and passages
    of 512 tokens, no prompts. Offline, a hub model whose cache does not tell of these
    files is refused, unless pooling, normalize, and prompt and max_tokens of query and
    passage are all given.

    Args:
        backbone: A model folder, a hub name, or `package:NAME/FOLDER` for a model that
            a Python package carries.
        pooling: `cls`, `mean` or `last` token; null = as saved with the model. Given,
            it stands in for any pooling of sentence-transformers, several ways at once
            too.
        normalize: Whether embeddings have length 1; null = as saved with the model.
            A model of sentence-transformers without a `Normalize` module has them for
            cosines, which it compares by default, and not for dot products; `fit` takes
            the latter only where false stands here. With `pooling` given too, the
            encoder is the backbone pooled as said: further modules, such as a `Dense`,
            are left out with a warning. Else they are refused.
        query: Prompt and maximum length of queries; null = as saved with the model.
        passage: Prompt and maximum length of passages; null = as saved with the model.
        dropout: Probability set in every dropout of the backbone, whatever its
            architecture calls it. 0, as in arXiv 2502.19712.
        loading: How the backbone is loaded.

    Raises:
        ValueError: If the pooling is neither given nor saved with the model, if its
            settings on the hub cannot be read, if sentence-transformers would do to the
            embeddings what is not known here, or if `dropout` lies outside [0, 1).
    """

    def __init__(
        self,
        backbone: str,
        pooling: Pooling | None = None,
        normalize: bool | None = None,
        query: TextFormat | None = None,
        passage: TextFormat | None = None,
        dropout: float = 0.0,
        loading: Loading | None = None,
    ) -> None:
        super().__init__()
        if not 0 <= dropout < 1:
            msg = f"dropout must be in [0, 1), but got {dropout}."
            raise ValueError(msg)
        loading = loading or Loading()
        folder = locate(backbone)
        self.name = backbone
        self.given = GivenSettings(
            pooling, normalize, query or TextFormat(), passage or TextFormat()
        )
        self.settings = read_settings(ModelFiles(folder, loading.revision), self.given)
        _check_pooling(self.settings.pooling, backbone)
        self.backbone = load_backbone(folder, loading, dropout)
        tokenizer = AutoTokenizer.from_pretrained(
            folder,
            trust_remote_code=loading.trust_remote_code,
            revision=loading.revision or "main",
        )
        self.tokenization = Tokenization(
            tokenizer,
            self.settings.query,
            self.settings.passage,
            position_limit(self.backbone.config, tokenizer.model_max_length),
        )

    @property
    def dim(self) -> int:
        """Dimensions of an embedding."""
        return int(self.backbone.config.hidden_size)

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.parameters()).device

    def forward(
        self, input_ids: Int[Tensor, "text token"], mask: Bool[Tensor, "text token"]
    ) -> Float[Tensor, "text dim"]:
        """Embeds padded token ids.

        Args:
            input_ids: Token ids with special tokens and prompt, padded on the right.
            mask: True where a token is not padding.

        Returns:
            Embeddings in float32 (float64 for float64 weights), also under autocast.
        """
        output = self.backbone(input_ids=input_ids, attention_mask=mask.long())
        pooled = pool(output.last_hidden_state, mask, self.settings.pooling or "mean")
        pooled = pooled.to(torch.promote_types(pooled.dtype, torch.float32))
        if self.settings.normalize:
            return nn.functional.normalize(pooled, dim=-1)
        return pooled

    def save(self, folder: Path) -> None:
        """Writes a folder that transformers and sentence-transformers load.

        Args:
            folder: Where weights, tokenizer, prompts and pooling go.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.backbone.save_pretrained(folder)
        framing = self.tokenization.framings["passage"]
        longest = framing.max_tokens + framing.overhead
        tokenizer = self.tokenization.tokenizer
        tokenizer.model_max_length = self.tokenization.position_limit or longest
        tokenizer.save_pretrained(folder)
        write_settings(folder, self.settings, self.dim, longest)


def load_backbone(folder: str, loading: Loading, dropout: float) -> Any:
    """Loads a backbone without pooler and with one dropout probability everywhere.

    The pooler's weights would get no gradient (an error under DDP) and weight decay.

    Args:
        folder: A model folder or hub name.
        loading: Type, attention and trust.
        dropout: Probability for every dropout.
    """
    options: dict[str, Any] = {
        "trust_remote_code": loading.trust_remote_code,
        "revision": loading.revision or "main",
    }
    config = AutoConfig.from_pretrained(folder, **options)
    for name, value in config.to_dict().items():
        if "dropout" in name and isinstance(value, float | int):
            setattr(config, name, dropout)
    if loading.attention is not None:
        options["attn_implementation"] = loading.attention
    dtype = getattr(torch, loading.dtype)
    with quiet_loading():
        backbone, report = AutoModel.from_pretrained(
            folder, config=config, dtype=dtype, output_loading_info=True, **options
        )
    missing = [key for key in report["missing_keys"] if not key.startswith("pooler.")]
    if missing:
        msg = (
            f"the weights of {folder!r} lack {len(missing)} parameters of "
            f"{type(backbone).__name__}, {missing[0]!r} among them. Give a complete "
            "model folder."
        )
        raise ValueError(msg)
    if getattr(backbone, "pooler", None) is not None:
        backbone.pooler = None
    set_dropout(backbone, dropout)
    return backbone.train()  # as a new module is; transformers loads it for inference


def set_dropout(module: nn.Module, probability: float) -> None:
    """Sets every dropout below a module, as a layer or as a number it keeps.

    Args:
        module: Any module.
        probability: In [0, 1).

    Example:
        >>> layers = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
        >>> set_dropout(layers, 0.0)
        >>> layers[1].p
        0.0
    """
    for part in module.modules():
        if isinstance(part, nn.modules.dropout._DropoutNd):
            part.p = probability
        for name, value in vars(part).items():
            if "dropout" in name and type(value) is float:
                setattr(part, name, probability)


def position_limit(config: PretrainedConfig, tokenizer_limit: int) -> int | None:
    """Tokens a backbone takes at most; None where neither file sets a limit.

    Args:
        config: The backbone's configuration.
        tokenizer_limit: The tokenizer's `model_max_length`, huge where unknown.
    """
    positions = getattr(config, "max_position_embeddings", None)
    known = [limit for limit in (positions, tokenizer_limit) if limit]
    limit = min(known, default=0)
    return int(limit) if 0 < limit < 10**9 else None


def _check_pooling(pooling: Pooling | None, backbone: str) -> None:
    if pooling is None:
        msg = (
            f"the folder of {backbone!r} does not tell how it pools. Set pooling to "
            "cls (BGE, GTE, Arctic), mean (E5, MiniLM) or last (decoders)."
        )
        raise ValueError(msg)

"""The encoder: pooling, settings saved with a model, dropout, and what is refused."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertModel,
    ModernBertConfig,
    ModernBertModel,
    PretrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen2Model,
)

from dr_lightning.models.encoder import Encoder, Loading, position_limit, set_dropout
from dr_lightning.models.encoder_folder import (
    EncoderSettings,
    read_settings,
    write_settings,
)
from dr_lightning.models.encoding import encode
from dr_lightning.models.model_files import ModelFiles
from dr_lightning.models.pooling import Pooling, pool
from dr_lightning.models.tokenization import Side, TextFormat
from dr_lightning.models.weights import locate
from tests.training_runs import ENCODER

TEXTS = ["the wing of the body", "sort", "", "open a file and read it line by line"]
POOLINGS: tuple[Pooling, ...] = ("cls", "mean", "last")


def embed(encoder: Encoder, texts: list[str], side: Side = "query") -> np.ndarray:
    return encode(encoder, encoder.tokenization.ragged(texts, side), side)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_pooling_is_that_of_plain_loops(dtype: torch.dtype) -> None:
    hidden = torch.randn(4, 7, 5, generator=torch.Generator().manual_seed(1)).to(dtype)
    lengths = [7, 1, 3, 6]
    mask = torch.arange(7)[None, :] < torch.tensor(lengths)[:, None]
    rows = [states[:length] for states, length in zip(hidden, lengths, strict=True)]
    expected = {
        "cls": torch.stack([row[0] for row in rows]),
        "last": torch.stack([row[-1] for row in rows]),
        "mean": torch.stack([row.float().mean(0) for row in rows]),
    }
    for pooling in POOLINGS:
        torch.testing.assert_close(pool(hidden, mask, pooling), expected[pooling])


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("normalize", [True, False])
def test_a_text_is_embedded_as_by_the_backbone_alone(
    pooling: Pooling, normalize: bool
) -> None:
    encoder = Encoder(str(ENCODER), pooling, normalize)
    backbone = BertModel.from_pretrained(ENCODER, add_pooling_layer=False).eval()  # type: ignore[no-untyped-call]
    tokenizer = AutoTokenizer.from_pretrained(ENCODER)
    found = embed(encoder, TEXTS)
    for text, vector in zip(TEXTS, found, strict=True):
        with torch.no_grad():
            hidden = backbone(**tokenizer(text, return_tensors="pt"))[0][0]
        places = {"cls": hidden[0], "last": hidden[-1], "mean": hidden.mean(0)}
        expected = places[pooling].numpy()
        if normalize:
            expected = expected / np.linalg.norm(expected)
        np.testing.assert_allclose(vector, expected, atol=1e-6)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_saved_folder_is_read_alike_by_sentence_transformers(
    pooling: Pooling, tmp_path: Path
) -> None:
    from sentence_transformers import SentenceTransformer

    query, passage = TextFormat("query: ", 16), TextFormat("passage: ", 24)
    Encoder(str(ENCODER), pooling, True, query, passage).save(tmp_path)
    encoder = Encoder(str(tmp_path))
    assert encoder.settings == EncoderSettings(pooling, True, query, passage)
    peer = SentenceTransformer(str(tmp_path), device="cpu")
    theirs = peer.encode(TEXTS, prompt_name="query")
    np.testing.assert_allclose(embed(encoder, TEXTS), theirs, atol=1e-6)
    theirs = peer.encode([*TEXTS, "wing " * 50], prompt_name="document")
    ours = embed(encoder, [*TEXTS, "wing " * 50], "passage")
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_a_partial_format_keeps_the_saved_prompt(tmp_path: Path) -> None:
    query, passage = TextFormat("query: ", 16), TextFormat("passage: ", 32)
    Encoder(str(ENCODER), "cls", False, query, passage).save(tmp_path)
    encoder = Encoder(
        str(tmp_path), query=TextFormat(max_tokens=9), passage=TextFormat(prompt="")
    )
    assert encoder.settings.query == TextFormat("query: ", 9)
    assert encoder.settings.passage == TextFormat("", 32)
    assert not encoder.settings.normalize


def test_settings_of_sentence_transformers_are_read(tmp_path: Path) -> None:
    shutil.copytree(ENCODER, tmp_path / "m")
    settings = EncoderSettings("cls", True, TextFormat("q: ", 64), TextFormat("p: ", 8))
    write_settings(tmp_path / "m", settings, 32, 8)
    (tmp_path / "m" / "encoder.json").unlink()
    assert read_settings(ModelFiles(str(tmp_path / "m"))) == settings
    older = {"word_embedding_dimension": 32, "pooling_mode_cls_token": False}
    path = tmp_path / "m" / "1_Pooling" / "config.json"
    path.write_text(json.dumps(older | {"pooling_mode_mean_tokens": True}))
    assert read_settings(ModelFiles(str(tmp_path / "m"))).pooling == "mean"
    assert read_settings(ModelFiles(str(ENCODER))) == EncoderSettings()


def test_unknown_pooling_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"does not tell how it pools\. Set pooling"):
        Encoder(str(ENCODER))
    with pytest.raises(ValueError, match="must be one of cls, mean, last to be saved"):
        write_settings(tmp_path, EncoderSettings(), 32, 8)


def test_missing_weights_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    shutil.copytree(ENCODER, folder)
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"lack 1 parameters of BertModel, 'encoder\."):
        Encoder(str(folder), "mean")


def test_dropout_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"dropout must be in \[0, 1\), but got 1"):
        Encoder(str(ENCODER), "mean", dropout=1.0)


def test_there_is_no_pooler(tmp_path: Path) -> None:
    BertModel(_bert()).save_pretrained(tmp_path)  # type: ignore[no-untyped-call]
    AutoTokenizer.from_pretrained(ENCODER).save_pretrained(tmp_path)
    encoder = Encoder(str(tmp_path), "cls")
    assert not [name for name, _ in encoder.named_parameters() if "pooler" in name]
    tokens = encoder.tokenization.ragged(TEXTS, "query")
    ids, mask = tokens.pad(np.arange(4), encoder.tokenization.framings["query"])
    encoder(ids, mask).sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())


def _bert() -> BertConfig:
    return BertConfig(
        vocab_size=500,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
    )


def _modern() -> PreTrainedModel:
    config = ModernBertConfig(
        vocab_size=500,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
        cls_token_id=2,
        sep_token_id=3,
    )
    return ModernBertModel(config)


def _decoder() -> PreTrainedModel:
    config = Qwen2Config(
        vocab_size=500,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        intermediate_size=16,
        max_position_embeddings=64,
        attention_dropout=0.3,
    )
    return Qwen2Model(config)


@pytest.mark.parametrize(
    ("make", "pooling"), [(_modern, "cls"), (_modern, "mean"), (_decoder, "last")]
)
def test_other_architectures_pad_and_drop_out_as_asked(
    make: "type[PreTrainedModel]", pooling: Pooling, tmp_path: Path
) -> None:
    make().save_pretrained(tmp_path)  # type: ignore[call-arg]
    AutoTokenizer.from_pretrained(ENCODER).save_pretrained(tmp_path)
    encoder = Encoder(str(tmp_path), pooling)
    assert encoder.training
    assert encoder.tokenization.position_limit == 64
    # Padding, and the rest of the batch, must not be felt.
    together = embed(encoder, TEXTS)
    for text, vector in zip(TEXTS, together, strict=True):
        np.testing.assert_allclose(embed(encoder, [text])[0], vector, atol=1e-5)
    tokens = encoder.tokenization.ragged(TEXTS, "query")
    ids, mask = tokens.pad(np.arange(4), encoder.tokenization.framings["query"])
    torch.testing.assert_close(encoder(ids, mask), encoder(ids, mask))
    dropping = Encoder(str(tmp_path), pooling, dropout=0.4)
    assert not torch.allclose(dropping(ids, mask), dropping(ids, mask))
    found = {
        value
        for part in dropping.modules()
        for name, value in vars(part).items()
        if "dropout" in name and type(value) is float
    } | {part.p for part in dropping.modules() if isinstance(part, nn.Dropout)}
    assert found == {0.4}
    values = {
        value
        for name, value in dropping.backbone.config.to_dict().items()
        if "dropout" in name and isinstance(value, float)
    }
    assert values == {0.4}


def test_dropout_is_set_wherever_a_module_keeps_it() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention_dropout = 0.5
            self.dropout_active = True
            self.drop = nn.Dropout1d(0.5)

    module = Attention()
    set_dropout(module, 0.1)
    assert (module.attention_dropout, module.drop.p) == (0.1, 0.1)
    assert module.dropout_active is True


def test_half_precision_weights_are_loaded_where_asked() -> None:
    encoder = Encoder(str(ENCODER), "mean", loading=Loading(dtype="bfloat16"))
    assert next(encoder.parameters()).dtype == torch.bfloat16
    ids = torch.tensor([[2, 9, 3]])
    assert encoder(ids, torch.ones(1, 3, dtype=torch.bool)).dtype == torch.float32


@pytest.mark.parametrize(
    ("positions", "tokenizer", "limit"),
    [(512, 10**30, 512), (512, 128, 128), (None, 128, 128), (None, 10**30, None)],
)
def test_the_position_limit_is_the_smaller_of_two(
    positions: int | None, tokenizer: int, limit: int | None
) -> None:
    config = PretrainedConfig()
    if positions is not None:
        config.max_position_embeddings = positions
    assert position_limit(config, tokenizer) == limit


def test_models_inside_packages_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "a_student"
    shutil.copytree(ENCODER, package / "model")
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert locate("package:a_student/model") == str(package / "model")
    assert Encoder("package:a_student/model", "mean").dim == 32
    with pytest.raises(ValueError, match="package 'a_student' has no folder 'other'"):
        locate("package:a_student/other")
    with pytest.raises(ValueError, match="Python package 'no_such' is not installed"):
        locate("package:no_such/model")
    assert "a_student" not in sys.modules  # found, not imported


def test_folders_that_do_not_exist_are_refused_and_hub_names_are_not() -> None:
    with pytest.raises(ValueError, match=r"model folder '\./none' does not exist"):
        locate("./none")
    assert locate("BAAI/bge-base-en-v1.5") == "BAAI/bge-base-en-v1.5"
    assert locate(str(ENCODER)) == str(ENCODER)

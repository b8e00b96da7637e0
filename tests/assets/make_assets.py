"""Makes the tiny random models of the tests: `python tests/assets/make_assets.py`.

`encoder` is a BERT, `teacher` a BERT sequence classifier with one logit; both read the
same WordPiece vocabulary: the words below, and every letter and digit so that no text
is unknown. The weights are random with a fixed seed and much wider than BERT's 0.02,
so that different texts get clearly different outputs. They are stored in half precision
to stay small; `dtype` in config.json makes every loader widen them to float32.
"""

import string
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers.processors import TemplateProcessing
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    BertConfig,
    BertTokenizer,
    PreTrainedModel,
)

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = """
the of and to in is a for how do i what does which with from on by that it are not can
query passage document search retrieve represent this sentence searching relevant
list dict set tuple string number integer float bytes file path line text word key
value item index order sort sorted reverse join split strip zip map filter range sum
open read write close copy move delete create make return raise catch error exception
function class method module import argument default type name object iterator loop
python library standard package test example thread process lock queue socket server
client request time date random seed count first last next empty true false none
lift drag wing flow pressure heat shock layer boundary speed body plate supersonic
cell gene protein cancer disease drug patient risk increase decrease treatment effect
radio wave signal noise circuit frequency antenna transistor voltage current magnetic
"""
ENDINGS = ("##s", "##ed", "##ing", "##er", "##ly", "##ion", "##al", "##able")
WIDTH = 0.25  # standard deviation of the random weights


def vocabulary() -> dict[str, int]:
    """Special tokens, whole words, endings, then every character in both forms."""
    letters = string.ascii_lowercase + string.digits
    pieces = [f"##{letter}" for letter in letters]
    entries = [
        *SPECIAL,
        *WORDS.split(),
        *ENDINGS,
        *letters,
        *pieces,
        *string.punctuation,
    ]
    return {entry: row for row, entry in enumerate(dict.fromkeys(entries))}


def tokenizer() -> BertTokenizer:
    """A lower-casing BERT tokenizer with `[CLS] query [SEP] passage [SEP]` pairs."""
    entries = vocabulary()
    backend = Tokenizer(models.WordPiece(entries, unk_token="[UNK]"))  # noqa: S106
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    backend.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, entries[token]) for token in ("[CLS]", "[SEP]")],
    )
    return BertTokenizer(tokenizer_object=backend, model_max_length=512)


def config() -> BertConfig:
    """Two layers of 32 numbers, no dropout, 512 positions."""
    bert = BertConfig(
        vocab_size=len(vocabulary()),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=512,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=WIDTH,
    )
    bert.num_labels = 1
    return bert


def save(model: PreTrainedModel, folder: Path) -> None:
    """Writes model and tokenizer, the weights in half precision."""
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    weights = folder / "model.safetensors"
    halves = {name: value.half() for name, value in load_file(weights).items()}
    save_file(halves, weights, metadata={"format": "pt"})


def main() -> None:
    """Writes both models beside this script."""
    here = Path(__file__).parent
    torch.manual_seed(13)
    encoder = AutoModel.from_config(  # type: ignore[no-untyped-call]
        config(), add_pooling_layer=False
    )
    save(encoder, here / "encoder")
    teacher = AutoModelForSequenceClassification.from_config(  # type: ignore[no-untyped-call]
        config()
    )
    save(teacher, here / "teacher")


if __name__ == "__main__":
    main()

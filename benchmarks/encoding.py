"""Measures encoding a corpus, against `SentenceTransformer.encode`.

Both sides get the same texts, weights, token limit and threads, and give the same
embeddings. Ours is counted with tokenising into a new token store, theirs with the
tokenising that `encode` does; both are also told apart. Lines: float32 for every
`--batch-tokens`, then bfloat16 autocast, against theirs in float32 and (not with
--quick) under the same autocast. With `--qrels SPLIT`, nDCG@10 in both precisions;
where `--passages` takes a part of the corpus, the judged passages are in it.

bfloat16 pays where the processor multiplies it: see `bf16_instructions`.

    python benchmarks/encoding.py --collection BEIR --model MINILM --quick --qrels test
    python benchmarks/encoding.py --collection BEIR --model MINILM --qrels test
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import torch
from material import judged, passages, read_collection
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from setting import Setting, by_size, machine, parser, setting
from turns import Turn, in_turn, medians, ratios, timed

from dr_lightning import artefacts, schemas
from dr_lightning.data.token_store import TokenStore, token_store
from dr_lightning.metrics import evaluate_run, means
from dr_lightning.models.device import Precision, autocast, token_budget
from dr_lightning.models.encoding import encode
from dr_lightning.retrieval import run_frame
from dr_lightning.search import ExactSearch

Embeddings = NDArray[np.float32]
BATCH_TEXTS = 32
"""The default of `SentenceTransformer.encode`."""


@dataclass
class Ours:
    """The project's encoder over a token store that is built each time.

    Args:
        setting: Names the model.
        texts: The passages.
    """

    setting: Setting
    texts: list[str]
    found: dict[str, Embeddings] = field(default_factory=dict)
    tokenise_seconds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Loads the encoder."""
        self.encoder = self.setting.encoder()

    def __call__(self, turn: int, precision: Precision, batch_tokens: int) -> Turn:
        """Tokenises and encodes, timed."""

        def call() -> float:
            with TemporaryDirectory() as folder:
                store, seconds = self._tokenised(Path(folder))
                with autocast(self.encoder.device, precision):
                    self.found[precision] = encode(
                        self.encoder, store, "passage", batch_tokens=batch_tokens
                    )
            self.tokenise_seconds.append(seconds)
            return seconds

        return timed(call)

    def _tokenised(self, folder: Path) -> tuple[TokenStore, float]:
        stores: list[TokenStore] = []

        def call() -> None:
            frame = pl.LazyFrame({"text": self.texts})
            tokenization = self.encoder.tokenization
            stores.append(token_store(frame, tokenization, "passage", folder))

        seconds = timed(call).seconds
        return stores[0], seconds


@dataclass
class Theirs:
    """`SentenceTransformer.encode` with the same weights.

    Args:
        setting: Names the model.
        texts: The passages.
    """

    setting: Setting
    texts: list[str]
    found: dict[str, Embeddings] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Loads what our encoder exports."""
        with TemporaryDirectory() as folder:
            self.setting.encoder().save(Path(folder))
            self.model = SentenceTransformer(folder, device=self.setting.device)

    def __call__(self, turn: int, precision: Precision) -> Turn:
        """Encodes, timed."""

        def call() -> None:
            with autocast(torch.device(self.setting.device), precision):
                self.found[precision] = self.model.encode_document(
                    self.texts, batch_size=BATCH_TEXTS, show_progress_bar=False
                )

        return timed(call)

    def tokenise(self) -> float:
        """Seconds of the tokenising alone, in `encode`'s batches, longest first."""
        ordered = sorted(self.texts, key=len, reverse=True)

        def call() -> None:
            for start in range(0, len(ordered), BATCH_TEXTS):
                self.model.preprocess(ordered[start : start + BATCH_TEXTS])

        return timed(call).seconds


def compare(
    ours: Ours, theirs: Theirs, turns: int, batch_tokens: int
) -> dict[str, object]:
    """Both sides in float32."""
    first = len(ours.tokenise_seconds)
    found = in_turn(
        {
            "ours": partial(ours, precision="32", batch_tokens=batch_tokens),
            "sentence_transformers": partial(theirs, precision="32"),
        },
        turns,
    )
    apart = np.abs(ours.found["32"] - theirs.found["32"]).max()
    tokenise = float(np.median(ours.tokenise_seconds[first:]))
    return {
        "precision": "32",
        "batch_tokens": batch_tokens,
        **_sides(found, len(ours.texts)),
        "tokenise_seconds": {
            "ours": round(tokenise, 2),
            "sentence_transformers": round(theirs.tokenise(), 2),
        },
        "largest_difference": float(apart),
    }


def compare_bf16(
    ours: Ours, theirs: Theirs, batch_tokens: int, both: bool
) -> dict[str, object]:
    """Ours under bfloat16 autocast, against theirs in float32 and, if `both`, so."""
    sides: dict[str, Callable[[int], Turn]] = {
        "ours": partial(ours, precision="bf16", batch_tokens=batch_tokens),
        "sentence_transformers_float32": partial(theirs, precision="32"),
    }
    if both:
        sides["sentence_transformers"] = partial(theirs, precision="bf16")
    found = in_turn(sides, turns=1)
    cosine = (ours.found["bf16"] * ours.found["32"]).sum(1)
    return {
        "precision": "bf16",
        "batch_tokens": batch_tokens,
        **_sides(found, len(ours.texts)),
        "lowest_cosine_with_float32": float(cosine.min()),
    }


def _sides(found: dict[str, list[Turn]], texts: int) -> dict[str, Any]:
    times = {name: medians(turns) for name, turns in found.items()}
    for of in times.values():
        of["passages_a_second"] = round(texts / of["seconds"], 2)
    return {"passages": texts, "sides": times, **ratios(found, "ours")}


def ndcg(ours: Ours, rows: NDArray[np.int64], split: str) -> dict[str, float]:
    """nDCG@10 over the encoded passages, in each precision.

    Args:
        ours: With embeddings of `rows` in both precisions.
        rows: Rows of the corpus that were encoded.
        split: Whose queries and qrels.
    """
    folder = read_collection(ours.setting)
    corpus = artefacts.scan(folder / "corpus.parquet", schemas.CORPUS)
    ids = corpus.select("passage_id").collect().to_series().gather(rows)
    queries, qrels = judged(ours.setting, split)
    tokenization, device = ours.encoder.tokenization, ours.encoder.device
    texts = queries.lazy().select("text")
    store = token_store(texts, tokenization, "query", ours.setting.cache)
    found: dict[str, float] = {}
    precisions: tuple[Precision, ...] = ("32", "bf16")
    for precision in precisions:
        with autocast(device, precision):
            query = torch.from_numpy(encode(ours.encoder, store, "query"))
        search = ExactSearch()
        search.index(ours.found[precision])
        run = run_frame(queries["query_id"], ids, search.search(query, 10))
        found[precision] = means(evaluate_run(run, qrels, ["nDCG@10"]))["nDCG@10"]
    return found


def chosen(setting: Setting, count: int, split: str | None) -> NDArray[np.int64]:
    """Rows of the judged passages first, then of others at random.

    Args:
        setting: Names the collection.
        count: Passages in all, at least.
        split: Whose judged passages; null = all at random.
    """
    folder = read_collection(setting)
    corpus = artefacts.scan(folder / "corpus.parquet", schemas.CORPUS)
    ids = corpus.select("passage_id").collect().to_series()
    first = np.zeros(0, np.int64)
    if split is not None:
        known = judged(setting, split)[1]["passage_id"]
        first = np.flatnonzero(ids.is_in(known.implode()))
    others = np.random.default_rng(0).permutation(len(ids))
    others = others[~np.isin(others, first)]
    return np.concatenate([first, others[: max(count - len(first), 0)]])


def results(
    shared: Setting,
    rows: NDArray[np.int64],
    turns: int,
    budgets: list[int],
    split: str | None,
    both: bool,
) -> Iterator[dict[str, object]]:
    """A result for each line that is printed."""
    every = passages(shared)
    texts = [every[row] for row in rows]
    # Warms both sides up, whose first call is slow.
    ours, theirs = Ours(shared, texts[:8]), Theirs(shared, texts[:8])
    compare(ours, theirs, 1, budgets[0])
    ours.texts = theirs.texts = texts
    for batch_tokens in budgets:
        yield compare(ours, theirs, turns, batch_tokens)
    yield compare_bf16(ours, theirs, budgets[0], both)
    if split is not None:
        found = ndcg(ours, rows, split)
        yield {
            "nDCG@10": found,
            "bf16_minus_float32": round(found["bf16"] - found["32"], 5),
            "corpus": "whole" if len(rows) == len(every) else f"{len(rows)} passages",
        }


def main() -> None:
    """Reads the options and prints a line a result."""
    arguments = parser("encoding a corpus, passages a second", max_tokens=256)
    arguments.add_argument("--passages", type=int, help="of the corpus; null = all")
    arguments.add_argument("--qrels", metavar="SPLIT", help="tell nDCG@10")
    arguments.add_argument("--turns", type=int)
    arguments.add_argument("--batch-tokens", type=int, nargs="+")
    options = arguments.parse_args()
    size = by_size(options)
    shared = setting(options)
    usual = token_budget(None, torch.device(shared.device))
    budgets = options.batch_tokens or [usual]
    count = options.passages or size(16, 300, len(passages(shared)))
    rows = chosen(shared, count, options.qrels)
    turns = options.turns or size(1, 3, 3)
    fixed = {
        "max_tokens": shared.max_tokens,
        "machine": machine(shared.threads, shared.device),
    }
    for line in results(shared, rows, turns, budgets, options.qrels, not options.quick):
        print(json.dumps(fixed | line), flush=True)


if __name__ == "__main__":
    main()

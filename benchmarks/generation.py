"""Measures writing queries: the HuggingFace engine against a plain `generate` loop.

Both sides get the same prompts, weights, batch size, precision, threads, temperature
and limits. The plain loop takes the prompts as they come, a batch at a time, padded on
the left, and reads every prompt whole; an answer ends with the model's own mark. Ours
sorts by length, ends an answer with its first line, and computes shared examples once:
a line with examples of each prompt's own, a line where all share one set. The last line
is Extractive, which needs no model, over the whole collection.

`--collection` and `--model` are a BEIR folder and a folder with a chat model.

    python benchmarks/generation.py --collection BEIR --model CHAT --quick
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import polars as pl
import torch
from material import read_collection
from setting import Setting, by_size, machine, parser, setting
from turns import Turn, in_turn, medians, ratios, timed

from dr_lightning import artefacts, schemas
from dr_lightning.generation.engine import Request
from dr_lightning.generation.engines import Extractive, HuggingFace
from dr_lightning.generation.prompts import Prompts
from dr_lightning.generation.query_type import load_query_types
from dr_lightning.generation.requests import Amounts
from dr_lightning.generation.sampling import Sampling
from dr_lightning.generation.work import make_work

BATCH = 16
WORDS = 100
"""Words of a passage that both sides read."""


@dataclass
class Ours:
    """The engine.

    Args:
        engine: Loaded.
        tokens: Written in each turn.
    """

    engine: HuggingFace
    tokens: list[int] = field(default_factory=list)

    def __call__(self, turn: int, requests: list[Request]) -> Turn:
        """Answers, timed."""

        def call() -> float:
            answers = self.engine.answer(requests)
            self.tokens.append(sum(answer.tokens for answer in answers))
            return float(self.tokens[-1])

        return timed(call)


@dataclass
class Plain:
    """`model.generate`, a batch at a time, in the order of the requests.

    Args:
        engine: Its model and tokenizer are used.
    """

    engine: HuggingFace

    def __post_init__(self) -> None:
        """Sets what the tokenizer needs to pad."""
        self.engine.model.tokenizer.padding_side = "left"
        self.engine.model.tokenizer.pad_token_id = self.engine.model.pad

    def __call__(self, turn: int, requests: list[Request]) -> Turn:
        """Generates, timed; the value is tokens written."""

        def call() -> float:
            torch.manual_seed(turn)
            starts = range(0, len(requests), BATCH)
            batches = [requests[start : start + BATCH] for start in starts]
            return float(sum(map(self._batch, batches)))

        return timed(call)

    @torch.inference_mode()
    def _batch(self, requests: list[Request]) -> int:
        loaded, sampling = self.engine.model, self.engine.sampling
        ids = loaded.tokenizer.apply_chat_template(
            [request.messages() for request in requests],
            add_generation_prompt=True,
            padding=True,
            return_tensors="pt",
            return_dict=True,
        ).to(loaded.device)
        written: Any = loaded.model.generate(
            **ids,
            do_sample=True,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=0,
            max_new_tokens=sampling.max_tokens,
        )
        answers = written[:, ids["input_ids"].shape[1] :]
        return int((answers != loaded.pad).sum())


def prompts(shared: Setting, count: int, example_sets: int | None) -> list[Request]:
    """Requests for some passages, of one query type.

    Args:
        shared: Names the collection.
        count: How many.
        example_sets: See `generate`.
    """
    corpus = artefacts.scan(read_collection(shared) / "corpus.parquet", schemas.CORPUS)
    text = pl.col("text").str.split(" ").list.head(WORDS).list.join(" ")
    rows = corpus.with_columns(text).head(count).collect().rows()
    made = Prompts(load_query_types(["question"]), 13, example_sets)
    return [made.request(key, title, read, "question", 0) for key, title, read in rows]


def compare(
    engine: HuggingFace, requests: list[Request], turns: int, example_sets: int | None
) -> dict[str, object]:
    """Both sides on the same requests."""
    ours, plain = Ours(engine), Plain(engine)
    sides = {
        "ours": partial(ours, requests=requests),
        "plain_generate": partial(plain, requests=requests),
    }
    found = in_turn(sides, turns)
    told: dict[str, object] = {"example_sets": example_sets, "queries": len(requests)}
    told["sides"] = {
        name: medians(taken)
        | {"tokens": taken[0].value}
        | {"queries_per_cpu_second": _rate(requests, taken)}
        for name, taken in found.items()
    }
    return told | ratios(found, "ours")


def _rate(requests: list[Request], turns: list[Turn]) -> float:
    return round(len(requests) / medians(turns)["cpu_seconds"], 3)


def extractive(shared: Setting) -> dict[str, object]:
    """Every passage and type of the rule-based engine."""
    corpus = artefacts.scan(read_collection(shared) / "corpus.parquet", schemas.CORPUS)
    engine = Extractive()
    names = list(engine.query_types)
    prompts = Prompts({}, 13)
    work = make_work(corpus, None, "{text}", names, Amounts(), prompts, engine)
    prepared = timed(lambda: engine.prepare(work.corpus))
    written = timed(lambda: float(len(work.answers(range(len(work.tasks))))))
    return {
        "engine": "Extractive",
        "queries": len(work.tasks),
        "prepare_cpu_seconds": round(prepared.cpu_seconds, 2),
        "cpu_seconds": round(written.cpu_seconds, 2),
        "queries_per_cpu_second": round(len(work.tasks) / written.cpu_seconds),
    }


def results(
    shared: Setting, count: int, turns: int, new_tokens: int
) -> Iterator[dict[str, object]]:
    """A result for each line that is printed."""
    engine = HuggingFace(
        str(shared.model),
        Sampling(temperature=0.8, top_p=0.9, max_tokens=new_tokens),
        batch_size=BATCH,
        precision=shared.precision,
        device=shared.device,
    )
    first = prompts(shared, 1, None)
    Ours(engine)(0, first)  # the first call is slow
    for sets in (None, 1):
        yield compare(engine, prompts(shared, count, sets), turns, sets)
    yield extractive(shared)


def main() -> None:
    """Reads the options and prints a line a result."""
    arguments = parser("queries a second of a chat model", max_tokens=50)
    arguments.add_argument("--passages", type=int, help="one query for each")
    arguments.add_argument("--turns", type=int)
    options = arguments.parse_args()
    size = by_size(options)
    shared = setting(options)
    count = options.passages or size(6, 16, 256)
    turns = options.turns or size(1, 1, 3)
    fixed = {
        "batch_size": BATCH,
        "precision": shared.precision,
        "machine": machine(shared.threads, shared.device),
    }
    for line in results(shared, count, turns, shared.max_tokens):
        print(json.dumps(fixed | line), flush=True)


if __name__ == "__main__":
    main()

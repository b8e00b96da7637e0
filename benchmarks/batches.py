"""Measures what each batch sampler makes of lists with several queries a passage.

How many distinct passages stand in a batch, how many tokens a query then costs, and
how many queries a second a training step reaches. Six queries a passage: each is the
passage's embedding moved a little, its list the passage and the nearest others. They
are moved so far that the lists of one passage's queries overlap (mean Jaccard) as much
as those of the collection's own train queries that share a passage.

A second, larger corpus is drawn with the mean and covariance of the real embeddings,
and with the real lengths; its lines hold counts alone. It has no topics, so lists of
different passages overlap less than on a real corpus of its size.

The steps measured are ours, on the real corpus; a query's text is the first words of
its passage. Plain batches repeat few passages only where the corpus is large beside
`queries x list_length`: look at the line whose sizes are yours.

    python benchmarks/batches.py --collection BEIR --model MINILM --quick
    python benchmarks/batches.py --collection BEIR --model MINILM --synthetic 100000
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl
import torch
from material import Material, human_lists, passage_embeddings, passages, token_stores
from numpy.typing import NDArray
from setting import Setting, by_size, machine, parser, setting
from torch.nn import functional
from training_step import Task, Workers
from turns import in_turn, medians, ratios, timed

from dr_lightning.data.batches import (
    Batches,
    ClusterBatches,
    PlainBatches,
    SourceBatches,
)
from dr_lightning.data.training_lists import EMPTY, TrainingLists
from dr_lightning.search import ExactSearch

QUERIES_A_PASSAGE = 6
QUERY_WORDS = 12
SAMPLERS: dict[str, Callable[[int], Batches]] = {
    "plain": PlainBatches,
    "source": SourceBatches,
    "cluster": ClusterBatches,
}
USUAL_OVERLAP = 0.44
"""Of SciFact's train queries, for collections whose queries share no passage."""


@dataclass(frozen=True)
class Corpus:
    """Points and lengths to count with.

    Args:
        name: Told in the results.
        embedding: Of each passage, length 1.
        tokens: Of each passage as it is encoded.
    """

    name: str
    embedding: NDArray[np.float32]
    tokens: NDArray[np.int64]


def synthetic(real: Corpus, size: int) -> Corpus:
    """Random points with the mean and the covariance of real ones.

    Args:
        real: Where mean, covariance and lengths come from.
        size: Passages.
    """
    generator = np.random.default_rng(1)
    mean = real.embedding.mean(0)
    spread = np.linalg.cholesky(
        np.cov(real.embedding, rowvar=False) + 1e-7 * np.eye(len(mean))
    ).astype(np.float32)
    drawn = np.empty((size, len(mean)), np.float32)
    for start in range(0, size, 10_000):
        part = drawn[start : start + 10_000]
        part[:] = mean + generator.standard_normal(part.shape, np.float32) @ spread.T
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    tokens = generator.choice(real.tokens, size)
    return Corpus(f"synthetic {size:,}", drawn, tokens)


def sibling_lists(
    corpus: Corpus, length: int, shift: float, sources: int | None = None
) -> TrainingLists:
    """Six lists for each passage: itself first, then those nearest to a moved point.

    Args:
        corpus: The passages.
        length: Passages a list.
        shift: Length of the random move relative to the embedding.
        sources: How many passages are asked for, the first ones; null = all.
    """
    generator = torch.Generator().manual_seed(2)
    embedding = torch.from_numpy(corpus.embedding)
    search = ExactSearch()
    search.index(embedding)
    count = min(sources or len(embedding), len(embedding))
    source = torch.arange(count).repeat_interleave(QUERIES_A_PASSAGE)
    found = []
    for part in torch.split(source, 12_000):
        # The difference of two passages: a move within the space that passages fill.
        one, other = (
            embedding[torch.randint(len(embedding), part.shape, generator=generator)]
            for _ in range(2)
        )
        moved = embedding[part] + shift * functional.normalize(one - other, dim=1)
        rows = search.search(functional.normalize(moved, dim=1), length).rows
        # The source goes first: with a score of its own it is sorted to the front.
        place = torch.where(rows == part[:, None], -1, torch.arange(length))
        rows = rows.gather(1, place.argsort(1))
        rows[:, 0] = part
        found.append(rows)
    passage = torch.cat(found).numpy()
    return TrainingLists(
        query_id=pl.Series(np.arange(len(passage)).astype(str)),
        passage=passage,
        teacher_score=None,
        excluded=np.full((len(passage), 0), EMPTY, dtype=np.int64),
        query_type=pl.Series(["synthetic"] * len(passage)),
    )


def overlap(lists: TrainingLists) -> float | None:
    """Mean Jaccard overlap of the lists of two queries with one positive.

    Args:
        lists: Any; up to 1,000 pairs of them are looked at.
    """
    order = np.argsort(lists.passage[:, 0], kind="stable")
    first, second = order[:-1], order[1:]
    pairs = np.flatnonzero(lists.passage[first, 0] == lists.passage[second, 0])
    values = []
    for pair in pairs[:: max(len(pairs) // 1_000, 1)]:
        one, other = (set(lists.passage[rows[pair]]) for rows in (first, second))
        values.append(len(one & other) / len(one | other))
    return round(float(np.mean(values)), 3) if values else None


def fitting_shift(corpus: Corpus, length: int, wanted: float) -> float:
    """The move of a query at which siblings overlap as wanted, by bisection.

    Args:
        corpus: The passages.
        length: Passages a list.
        wanted: Mean Jaccard overlap of two lists of one passage.
    """
    low, high = 0.0, 2.0
    for _ in range(6):
        shift = (low + high) / 2
        found = overlap(sibling_lists(corpus, length, shift, sources=200))
        low, high = (shift, high) if (found or 0) > wanted else (low, shift)
    return shift


def counts(
    corpus: Corpus, lists: TrainingLists, size: int
) -> dict[str, dict[str, float]]:
    """Distinct passages and tokens of each sampler's batches, over 20 of an epoch.

    Args:
        corpus: Tells the passages' tokens.
        lists: What is batched.
        size: Queries a batch.
    """
    found = {}
    for name, sampler in SAMPLERS.items():
        batches: list[NDArray[np.int64]] = []
        seconds = timed(partial(_fill, batches, sampler(size), lists)).seconds
        batches = [rows for rows in batches if len(rows) == len(batches[0])]
        distinct = [
            np.unique(lists.passage[rows])
            for rows in batches[:: max(len(batches) // 20, 1)]
        ]
        queries = len(batches[0]) * QUERY_WORDS
        tokens = [queries + int(corpus.tokens[rows].sum()) for rows in distinct]
        found[name] = {
            "batches_an_epoch": len(batches),
            "distinct_passages": round(float(np.mean([len(d) for d in distinct]))),
            "tokens_a_query": round(float(np.mean(tokens)) / len(batches[0]), 1),
            "order_seconds": round(seconds, 3),
        }
    for of in found.values():
        plain = found["plain"]["tokens_a_query"]
        of["times_plain_by_tokens"] = round(plain / of["tokens_a_query"], 2)
    return found


def _fill(
    batches: list[NDArray[np.int64]], sampler: Batches, lists: TrainingLists
) -> None:
    batches += sampler.epoch(lists, seed=0, epoch=0)


def steps(task: Task, size: int, turns: int) -> dict[str, object]:
    """Queries a second of our training step with each sampler's first batches.

    Args:
        task: What our side is built from.
        size: Queries a batch.
        turns: Steps of each sampler.
    """
    lists = task.material.lists
    batches = {
        name: sampler(size).epoch(lists, seed=0, epoch=0)
        for name, sampler in SAMPLERS.items()
    }
    with ExitStack() as stack:
        workers = Workers(["ours"], task, stack)
        sides = {
            name: partial(lambda of, turn: workers.step("ours", of[turn]), of)
            for name, of in batches.items()
        }
        found = in_turn(sides, turns)
    sides_told = {}
    for name, of in found.items():
        times = medians(of)
        used = [np.unique(lists.passage[rows]) for rows in batches[name][:turns]]
        sides_told[name] = times | {
            "queries_a_second": round(size / times["seconds"], 3),
            "distinct_passages": round(float(np.mean([len(d) for d in used]))),
        }
    return {"measured": sides_told, **ratios(found, "plain")}


def real_corpus(shared: Setting) -> tuple[Corpus, list[str]]:
    """The collection's passages: embeddings, lengths and texts."""
    texts = passages(shared)
    tokenization = shared.encoder().tokenization
    ragged = tokenization.ragged(texts, "passage")
    tokens = ragged.padded_lengths(tokenization.framings["passage"])
    return Corpus("real", passage_embeddings(shared), tokens), texts


def results(
    shared: Setting, sizes: list[int], others: list[int], length: int
) -> Iterator[dict[str, object]]:
    """A line of counts for each corpus and batch size."""
    real, _ = real_corpus(shared)
    wanted = overlap(human_lists(shared, length).lists) or USUAL_OVERLAP
    for corpus in [real, *(synthetic(real, size) for size in others)]:
        shift = fitting_shift(corpus, length, wanted)
        lists = sibling_lists(corpus, length, shift)
        for size in sizes:
            yield {
                "corpus": corpus.name,
                "passages": len(corpus.embedding),
                "lists": len(lists),
                "siblings_overlap": overlap(lists),
                "queries": size,
                "slots": size * length,
                "samplers": counts(corpus, lists, size),
            }


def measured(shared: Setting, size: int, turns: int, length: int) -> dict[str, object]:
    """Steps on the real corpus, whose queries are the first words of passages."""
    real, texts = real_corpus(shared)
    wanted = overlap(human_lists(shared, length).lists) or USUAL_OVERLAP
    lists = sibling_lists(real, length, fitting_shift(real, length, wanted))
    query = [
        " ".join(texts[source].split()[:QUERY_WORDS]) for source in lists.passage[:, 0]
    ]
    material = Material(lists, query, texts)
    task = Task(shared, material, length, mini_batch=32, cache=shared.cache)
    token_stores(shared, material, task.cache)
    return {"corpus": real.name, "queries": size, **steps(task, size, turns)}


def main() -> None:
    """Reads the options and prints a line a result."""
    arguments = parser("distinct passages a batch, for each sampler", max_tokens=128)
    arguments.add_argument("--synthetic", type=int, nargs="*", help="corpus sizes")
    arguments.add_argument("--queries", type=int, nargs="+", help="batch sizes")
    arguments.add_argument("--step-queries", type=int, help="a batch of the steps")
    arguments.add_argument("--turns", type=int, default=1)
    options = arguments.parse_args()
    size = by_size(options)
    shared = setting(options)
    length = size(4, 20, 20)
    sizes = options.queries or ([4] if options.smoke else [64, 512, 4096])
    others = options.synthetic or [size(60, 20_000, 100_000)]
    fixed = {"list_length": length, "machine": machine(shared.threads, shared.device)}
    for line in results(shared, sizes, others, length):
        print(json.dumps(fixed | line), flush=True)
    step_size = options.step_queries or size(4, 24, 512)
    line = measured(shared, step_size, options.turns, length)
    print(json.dumps(fixed | line), flush=True)


if __name__ == "__main__":
    main()

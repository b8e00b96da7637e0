"""Measures a teacher's pairs a second, against `CrossEncoder.predict`.

Both sides get the same pairs, weights, token limit, precision and threads, and give the
same scores. Queries are titles, or `--queries words`: a few words out of the middle of
a passage, which more often fit other passages better; candidates are the nearest
passages by `--model`. A third side scores the same lists fail-fast: a query is given up
once its own passage is beaten. A second line tells what that saves, and a third where
our time goes on one thread of Python: tokenising and building batches.

    python benchmarks/scoring.py --collection BEIR --model MINILM --teacher CE --quick
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import torch
from material import nearest, read_collection
from numpy.typing import NDArray
from sentence_transformers import CrossEncoder
from setting import Setting, by_size, machine, parser, setting
from turns import Turn, in_turn, medians, ratios, timed

from dr_lightning import artefacts, schemas
from dr_lightning.models.device import autocast, token_budget
from dr_lightning.models.micro_batch import micro_batches
from dr_lightning.models.teachers import SequenceClassifier
from dr_lightning.models.teachers.pair_tokens import PairTokens
from dr_lightning.scoring.pairs import Scored, score_lists
from dr_lightning.texts import passage_text

BATCH_PAIRS = 32
"""The default of `CrossEncoder.predict`."""

WORDS = 8


@dataclass(frozen=True)
class Material:
    """Candidate lists as the `score` stage has them.

    Args:
        lists: query_id, text, source_passage_id, passage_id (a list).
        passages: passage_id, passage.
    """

    lists: pl.DataFrame
    passages: pl.DataFrame

    def texts(self) -> list[tuple[str, str]]:
        """Query and passage of every pair, in the order of the lists."""
        flat = self.lists.explode("passage_id")
        joined = flat.join(
            self.passages, on="passage_id", how="left", maintain_order="left"
        )
        return joined.select("text", "passage").rows()


def candidates(shared: Setting, queries: int, depth: int, kind: str) -> Material:
    """Lists of queries that are made of passages drawn at random.

    Args:
        shared: Names the collection and the encoder.
        queries: How many.
        depth: Candidates of each, the query's own passage among them.
        kind: "title" or "words".
    """
    corpus = artefacts.scan(read_collection(shared) / "corpus.parquet", schemas.CORPUS)
    frame = corpus.with_columns(passage_text()).collect()
    words = pl.col("text").str.split(" ")
    middle = words.list.slice(words.list.len() // 3, WORDS).list.join(" ")
    usable = frame.with_row_index("row").filter(
        (pl.col("title") != "") & (middle != "")
    )
    drawn = usable.sample(queries, seed=13, shuffle=True)
    asked = drawn.select(
        pl.format("q{}", "row").alias("query_id"),
        (pl.col("title") if kind == "title" else middle).alias("text"),
        source_passage_id="passage_id",
        row="row",
    )
    found = nearest(shared, asked["text"], depth)
    rows = [
        [own, *near[near != own]][:depth] if own not in near else list(near)
        for own, near in zip(asked["row"], found, strict=True)
    ]
    ids = [frame["passage_id"].gather(some).to_list() for some in rows]
    return Material(
        asked.drop("row").with_columns(passage_id=pl.Series(ids)),
        frame.select("passage_id", "passage"),
    )


@dataclass
class Ours:
    """`score_lists` with a teacher that is loaded anew, so that nothing is cached.

    Args:
        shared: Precision, device and token limit.
        folder: The teacher's.
        fail_fast: Whether beaten queries are given up.
    """

    shared: Setting
    folder: Path
    fail_fast: bool
    found: list[Scored] = field(default_factory=list)

    def __call__(self, material: Material) -> Turn:
        """Scores all lists, timed."""
        teacher = load(self.shared, self.folder)

        def call() -> None:
            made = score_lists(
                teacher, material.lists, material.passages, self.fail_fast
            )
            self.found.append(made)
            self.shared.synchronize()

        return timed(call)


@dataclass
class Theirs:
    """`CrossEncoder.predict` with the same weights.

    Args:
        shared: Precision, device and token limit.
        folder: The teacher's.
    """

    shared: Setting
    folder: Path
    found: list[NDArray[np.float32]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Loads the model, with raw logits."""
        self.model = CrossEncoder(
            str(self.folder),
            max_length=self.shared.max_tokens,
            device=self.shared.device,
            activation_fn=torch.nn.Identity(),
        )

    def __call__(self, material: Material) -> Turn:
        """Scores all pairs, timed."""
        pairs = material.texts()

        def call() -> None:
            device = torch.device(self.shared.device)
            with autocast(device, self.shared.precision):
                scores = self.model.predict(
                    pairs, batch_size=BATCH_PAIRS, show_progress_bar=False
                )
            self.found.append(scores)

        return timed(call)


def load(shared: Setting, folder: Path) -> SequenceClassifier:
    """The teacher.

    Args:
        shared: Precision, device and token limit.
        folder: The teacher's.
    """
    return SequenceClassifier(
        str(folder),
        max_tokens=shared.max_tokens,
        precision=shared.precision,
        device=shared.device,
    )


def compare(
    shared: Setting, folder: Path, material: Material, turns: int
) -> Iterator[dict[str, object]]:
    """A line on speed and a line on what fail-fast saves."""
    full, fast = Ours(shared, folder, False), Ours(shared, folder, True)
    theirs = Theirs(shared, folder)
    sides: dict[str, Callable[[Material], Turn]] = {
        "ours": full,
        "cross_encoder": theirs,
        "ours_fail_fast": fast,
    }
    for side in sides.values():  # the first call is slow
        side(Material(material.lists.head(1), material.passages))
    found = in_turn(
        {name: partial(_turn, side, material) for name, side in sides.items()},
        turns,
    )
    pairs = len(material.texts())
    times = {name: medians(of) for name, of in found.items()}
    for of in times.values():
        of["pairs_a_second"] = round(pairs / of["seconds"], 2)
    yield {
        "pairs": pairs,
        "sides": times,
        **ratios(found, "ours"),
        "largest_difference": _difference(full.found[-1], theirs.found[-1], material),
    }
    spared = int(fast.found[-1].amounts["not_needed"])
    yield {
        "queries": len(material.lists),
        "pairs": pairs,
        "not_needed": spared,
        "share": round(spared / pairs, 3),
        "queries_kept": _kept(full.found[-1], material),
    }


def _turn(side: Callable[[Material], Turn], material: Material, _: int) -> Turn:
    return side(material)


def _difference(ours: Scored, theirs: NDArray[np.float32], material: Material) -> float:
    flat = material.lists.select("query_id", "passage_id").explode("passage_id")
    scores = ours.lists.explode("passage_id", "teacher_score")
    keys = ["query_id", "passage_id"]
    mine = flat.join(scores, on=keys, how="left", maintain_order="left")
    return float(np.abs(mine["teacher_score"].to_numpy() - theirs).max())


def _kept(scored: Scored, material: Material) -> int:
    """Queries whose own passage is first."""
    joined = scored.lists.join(material.lists.drop("passage_id"), on="query_id")
    first = pl.col("passage_id").list.first() == pl.col("source_passage_id")
    return len(joined.filter(first))


def overhead(shared: Setting, folder: Path, material: Material) -> dict[str, object]:
    """Processor seconds of what is not the model."""
    teacher = load(shared, folder)
    pairs = material.texts()
    queries = list(dict.fromkeys(query for query, _ in pairs))
    passages = list(dict.fromkeys(passage for _, passage in pairs))
    rows = {
        text: row for texts in (queries, passages) for row, text in enumerate(texts)
    }
    places = np.array([[queries.index(q), rows[p]] for q, p in pairs])
    budget = token_budget(None, torch.device(shared.device))
    start = time.process_time()
    tokens = PairTokens(
        teacher.layout,
        teacher.tokens(queries),
        teacher.tokens(passages),
        places,
        shared.max_tokens,
    )
    tokenised = time.process_time()
    for part in micro_batches(tokens.lengths, budget):
        tokens.batch(part)
    built = time.process_time()
    return {
        "pairs": len(pairs),
        "tokens_a_pair": round(float(tokens.lengths.mean()), 1),
        "cpu_seconds": {
            "tokenise": round(tokenised - start, 3),
            "build_batches": round(built - tokenised, 3),
        },
    }


def main() -> None:
    """Reads the options and prints a line a result."""
    arguments = parser("a teacher's pairs a second", max_tokens=512)
    arguments.add_argument("--teacher", type=Path, required=True, help="its folder")
    arguments.add_argument("--queries", choices=["title", "words"], default="title")
    arguments.add_argument("--count", type=int, help="queries")
    arguments.add_argument("--depth", type=int, help="candidates a query")
    arguments.add_argument("--turns", type=int)
    options = arguments.parse_args()
    size = by_size(options)
    shared = setting(options)
    count = options.count or size(3, 8, 100)
    depth = options.depth or size(16, 24, 100)
    material = candidates(shared, count, depth, options.queries)
    fixed = {
        "queries_of": options.queries,
        "max_tokens": shared.max_tokens,
        "precision": shared.precision,
        "machine": machine(shared.threads, shared.device),
    }
    turns = options.turns or size(1, 2, 3)
    for line in compare(shared, options.teacher, material, turns):
        print(json.dumps(fixed | line), flush=True)
    line = overhead(shared, options.teacher, material)
    print(json.dumps(fixed | line), flush=True)


if __name__ == "__main__":
    main()

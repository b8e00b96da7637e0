"""Measures a training step, forward, backward and optimizer, in three ways.

- ours: a batch's distinct passages, each encoded once, out of the token store;
- sentence_transformers: its CachedMultipleNegativesRankingLoss, a column for the
  query, the positive and each hard negative;
- paper_loop: the loop of arXiv 2502.19712 written anew in a few lines: every slot of
  every list is tokenised and encoded, under gradient caching by hand *and* gradient
  checkpointing, as there, so with three forward passes instead of two. Its loss is one
  dense matrix, which is kind to it: loss.py measures the loss as it stood there.

All minimise InfoNCE at one temperature over the same lists, with the same weights,
optimizer, token limit, mini-batch, threads and precision. Lists: the train queries of
the collection, a relevant passage first, then the nearest others. The loss of ours and
of paper_loop is the same to rounding; sentence_transformers takes a query's own
positive in another list for a negative, so its loss is higher.

Each side lives in a process of its own, and they step in turn. Time includes making
the batch. Ours tokenises once instead, before: `tokenise_once_seconds`.

    python benchmarks/training_step.py --collection BEIR --model MINILM --quick
        # 64 queries and 32 tokens: few passages repeat, so it tells of overhead alone
    python benchmarks/training_step.py --collection BEIR --model MINILM    # hours
"""

import json
import multiprocessing
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import numpy as np
import torch
from material import Material, human_lists, token_stores
from numpy.typing import NDArray
from setting import Setting, by_size, machine, parser, setting
from torch import Tensor
from torch.nn import functional
from torch.optim import AdamW
from turns import Turn, in_turn, medians, ratios, timed

from dr_lightning.data.batch_dataset import BatchDataset
from dr_lightning.data.training_lists import ListSampling
from dr_lightning.models.bi_encoder import BiEncoder
from dr_lightning.models.device import autocast
from dr_lightning.models.micro_batch import MicroBatching
from dr_lightning.objectives import InfoNCE

Rows = NDArray[np.int64]
TEMPERATURE = 0.05
RATE = 1e-5
MIB = 2**20


@dataclass(frozen=True)
class Task:
    """What every side is built from.

    Args:
        setting: Model, device, threads.
        material: The lists and their texts.
        length: Passages a list.
        mini_batch: Texts that are encoded at once.
        cache: Folder of the token stores, filled before.
    """

    setting: Setting
    material: Material
    length: int
    mini_batch: int
    cache: Path


class Side(Protocol):
    """One way to take a training step."""

    def step(self, rows: Rows) -> float:
        """Trains on some lists and returns the loss."""


class Ours:
    """The project's batch, bi-encoder and objective; the Trainer's loop is left out."""

    def __init__(self, task: Task) -> None:
        tokens = task.mini_batch * task.setting.max_tokens
        self.setting = task.setting
        self.model = BiEncoder(
            task.setting.encoder(),
            InfoNCE(TEMPERATURE),
            micro_batching=MicroBatching(tokens),
        )
        query, passage = token_stores(task.setting, task.material, task.cache)
        self.data = BatchDataset(
            task.material.lists,
            query,
            passage,
            self.model.tokenization,
            ListSampling(task.length),
            seed=0,
        )
        self.optimizer = AdamW(self.model.parameters(), RATE)

    def step(self, rows: Rows) -> float:
        """Encodes each distinct passage once."""
        batch = self.data[0, rows].to(self.setting.device)
        with autocast(self.model.device, self.setting.precision):
            loss = self.model.objective(
                self.model(batch.query, "query"),
                self.model(batch.passage, "passage"),
                batch.lists,
                batch.teacher_scores,
                batch.excluded,
            )
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return float(loss.detach())


class SentenceTransformers:
    """Their loss with gradient caching, fed as their data collator feeds it."""

    def __init__(self, task: Task) -> None:
        # Here, so that the other sides' memory does not hold it.
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.losses import (
            CachedMultipleNegativesRankingLoss,
        )

        self.task = task
        with TemporaryDirectory() as folder:
            task.setting.encoder().save(Path(folder))
            self.model = SentenceTransformer(folder, device=task.setting.device)
        self.loss = CachedMultipleNegativesRankingLoss(
            self.model, scale=1 / TEMPERATURE, mini_batch_size=task.mini_batch
        )
        self.optimizer = AdamW(self.model.parameters(), RATE)

    def step(self, rows: Rows) -> float:
        """Encodes query, positive and each negative as a column."""
        material, device = self.task.material, torch.device(self.task.setting.device)
        columns = [("query", [material.query[row] for row in rows])]
        for slot in range(self.task.length):
            chosen = material.lists.passage[rows, slot]
            columns.append(("document", [material.passage[row] for row in chosen]))
        features = [self._features(texts, kind) for kind, texts in columns]
        with autocast(device, self.task.setting.precision):
            loss = self.loss(features, torch.zeros(0))
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return float(loss.detach())

    def _features(self, texts: list[str], kind: str) -> dict[str, Tensor]:
        prompt = self.model.prompts.get(kind)
        made = self.model.preprocess(texts, prompt=prompt)
        device = self.task.setting.device
        return {
            name: value.to(device) if isinstance(value, Tensor) else value
            for name, value in made.items()
        }


class PaperLoop:
    """Every slot encoded, every text tokenised, three forward passes."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.encoder = task.setting.encoder()
        self.encoder.backbone.gradient_checkpointing_enable()
        self.optimizer = AdamW(self.encoder.parameters(), RATE)

    def step(self, rows: Rows) -> float:
        """Gradient caching by hand."""
        material, settings = self.task.material, self.encoder.settings
        lists = material.lists.passage[rows]
        query = [(settings.query.prompt or "") + material.query[row] for row in rows]
        passage = [
            (settings.passage.prompt or "") + material.passage[row]
            for row in lists.flatten()
        ]
        parts = [*self._mini_batches(query), *self._mini_batches(passage)]
        with torch.no_grad():
            embedded = torch.cat([self._encode(*part) for part in parts])
        embedded.requires_grad_()
        loss = slot_info_nce(
            embedded[: len(rows)], embedded[len(rows) :], torch.from_numpy(lists)
        )
        loss.backward()  # type: ignore[no-untyped-call]
        assert embedded.grad is not None  # noqa: S101
        start = 0
        for part in parts:
            gradient = embedded.grad[start : start + len(part[0])]
            self._encode(*part).backward(gradient)  # type: ignore[no-untyped-call]
            start += len(part[0])
        self.optimizer.step()
        self.optimizer.zero_grad()
        return float(loss.detach())

    def _mini_batches(self, texts: list[str]) -> Iterator[tuple[Tensor, Tensor]]:
        """In the order that they come, each padded to its longest text."""
        setting = self.task.setting
        for start in range(0, len(texts), self.task.mini_batch):
            made = self.encoder.tokenization.tokenizer(
                texts[start : start + self.task.mini_batch],
                padding=True,
                truncation=True,
                max_length=setting.max_tokens,
                return_tensors="pt",
            ).to(setting.device)
            yield made["input_ids"], made["attention_mask"].bool()

    def _encode(self, ids: Tensor, mask: Tensor) -> Tensor:
        with autocast(self.encoder.device, self.task.setting.precision):
            found: Tensor = self.encoder(ids, mask)
        return found


def slot_info_nce(query: Tensor, slots: Tensor, lists: Tensor) -> Tensor:
    """InfoNCE with a column for every slot; a query's own positive is masked by id.

    Args:
        query: `(Q, D)`.
        slots: `(Q * P, D)`, list after list.
        lists: Rows of the corpus, `(Q, P)`, the positive first.
    """
    lists = lists.to(query.device)
    own = torch.arange(len(lists), device=query.device) * lists.shape[1]
    masked = lists[:, :1] == lists.flatten()[None, :]
    masked[torch.arange(len(own)), own] = False
    logits = (query @ slots.T / TEMPERATURE).masked_fill(masked, -torch.inf)
    return functional.cross_entropy(logits, own)


SIDES: dict[str, Callable[[Task], Side]] = {
    "ours": Ours,
    "sentence_transformers": SentenceTransformers,
    "paper_loop": PaperLoop,
}

# What a worker process holds: one side.
_held: dict[str, tuple[Side, Task]] = {}


def build(name: str, task: Task) -> None:
    """Builds a side in its process, and takes a small step that is not timed."""
    task.setting.use_threads()
    side = SIDES[name](task)
    side.step(np.arange(2))
    _held["side"] = side, task


def step(rows: Rows) -> Turn:
    """One timed step in the side's process."""
    side, task = _held["side"]

    def call() -> float:
        loss = side.step(rows)
        task.setting.synchronize()
        return loss

    return timed(call)


def peak_mib() -> float:
    """The most memory this process has held: of the GPU, else resident."""
    _, task = _held["side"]
    if task.setting.device != "cpu":
        return torch.cuda.max_memory_allocated() / MIB
    # Not getrusage: its peak starts with what the parent process held.
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    return int(found.group(1)) / 1024 if found else float("nan")


class Workers:
    """A process for each side."""

    def __init__(self, names: Sequence[str], task: Task, stack: ExitStack) -> None:
        context = multiprocessing.get_context("spawn")
        self.pools = {
            name: stack.enter_context(
                ProcessPoolExecutor(1, context, build, (name, task))
            )
            for name in names
        }
        self.before = self.peaks()

    def peaks(self) -> dict[str, float]:
        """Peak memory of each side so far, in MiB."""
        futures = {name: pool.submit(peak_mib) for name, pool in self.pools.items()}
        return {name: round(future.result()) for name, future in futures.items()}

    def step(self, name: str, rows: Rows) -> Turn:
        """A timed step of one side."""
        return self.pools[name].submit(step, rows).result()


def speed(
    task: Task, names: Sequence[str], queries: int, turns: int
) -> dict[str, object]:
    """Queries a second and peak memory of each side, stepping in turn."""
    lists = task.material.lists
    generator = np.random.default_rng(0)
    batches = [generator.permutation(len(lists))[:queries] for _ in range(turns)]
    with ExitStack() as stack:
        workers = Workers(names, task, stack)
        sides = {
            name: partial(lambda name, n: workers.step(name, batches[n]), name)
            for name in names
        }
        found = in_turn(sides, turns)
        peaks = workers.peaks()
    distinct = [len(np.unique(lists.passage[rows])) for rows in batches]
    times = {name: medians(of) for name, of in found.items()}
    return {
        "slots": queries * task.length,
        "distinct_passages": round(float(np.median(distinct))),
        "turns": turns,
        "sides": {
            name: times[name]
            | {
                "queries_a_second": round(queries / times[name]["seconds"], 3),
                "first_loss": round(of[0].value, 5),
                "mib_before": workers.before[name],
                "mib_peak": peaks[name],
            }
            for name, of in found.items()
        },
        **ratios(found, "ours"),
    }


def memory(task: Task, sizes: Sequence[int]) -> dict[str, object]:
    """Our peak memory after one step of each size, each in a fresh process."""
    peaks, before, seconds = {}, {}, {}
    for size in sizes:
        with ExitStack() as stack:
            workers = Workers(["ours"], task, stack)
            seconds[size] = round(workers.step("ours", np.arange(size)).seconds, 1)
            peaks[size], before[size] = workers.peaks()["ours"], workers.before["ours"]
    first, last = sizes[0], sizes[-1]
    return {
        "seconds": seconds,
        "mib_before": before,
        "mib_peak": peaks,
        "peak_growth": round(peaks[last] / peaks[first], 3),
    }


def tokenise_once(task: Task) -> float:
    """Seconds to fill the token stores of queries and corpus, in a new folder."""
    with TemporaryDirectory() as folder:
        turn = timed(
            lambda: len(token_stores(task.setting, task.material, Path(folder))[0])
        )
    token_stores(task.setting, task.material, task.cache)
    return round(turn.seconds, 2)


def main() -> None:
    """Reads the options; prints a line for speed, and one for memory."""
    question = "queries a second and peak memory of a training step"
    arguments = parser(question, max_tokens=None)
    arguments.add_argument("--queries", type=int, help="a batch; 512")
    arguments.add_argument("--turns", type=int, default=1)
    arguments.add_argument("--mini-batch", type=int, default=32, help="texts at once")
    arguments.add_argument("--sides", nargs="+", choices=list(SIDES), default=SIDES)
    arguments.add_argument("--part", choices=["speed", "memory"], help="null: both")
    options = arguments.parse_args()
    size = by_size(options)
    options.max_tokens = options.max_tokens or size(16, 32, 128)
    shared = setting(options)
    length = size(4, 20, 20)
    material = human_lists(shared, length)
    task = Task(shared, material, length, options.mini_batch, shared.cache)
    queries = options.queries or size(4, 64, 512)
    line: dict[str, object] = {
        "queries": min(queries, len(material.query)),
        "list_length": length,
        "max_tokens": shared.max_tokens,
        "mini_batch": options.mini_batch,
        "precision": shared.precision,
        "tokenise_once_seconds": tokenise_once(task),
        "machine": machine(shared.threads, shared.device),
    }
    if options.part != "memory":
        names = list(options.sides)
        print(json.dumps(line | speed(task, names, queries, options.turns)), flush=True)
    if options.part != "speed" and not options.quick:
        sizes = [4] if options.smoke else [128, min(809, len(material.query))]
        print(json.dumps(line | {"queries": sizes} | memory(task, sizes)), flush=True)


if __name__ == "__main__":
    main()

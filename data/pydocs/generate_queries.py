"""Writes training queries for pydocs with a chat model, on a CPU.

One query for each sampled passage, of one of six types in turn. Batches of one type
and of similar length share their few-shot examples, so that the keys and values of
these are computed once. Each batch is kept as a part: a stopped run goes on from there.

Run:  python data/pydocs/generate_queries.py --model MODEL_FOLDER
"""

import logging
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import torch
from jsonargparse import auto_cli
from prompts import EXAMPLES, INSTRUCTIONS, drop_reason, first_line
from transformers import AutoModelForCausalLM, AutoTokenizer

from dr_lightning import artefacts, schemas

logger = logging.getLogger("pydocs")

HERE = Path(__file__).parent
PASSAGE_WORDS = 60
"""Words of a passage that the model reads."""
MIN_PASSAGE_WORDS = 8
"""Shorter texts are only sampled when all others are used up."""
BLOCK = 768
"""Passages that are sorted by length together: a run with a larger count goes on."""
SAMPLING = {"do_sample": True, "temperature": 0.8, "top_p": 0.9, "top_k": 0}
"""Without `top_p` a model of this size strays into other languages and topics."""
MAX_TOKENS = 32
"""Of an answer: 20 words are asked for."""


class Writer:
    """A chat model that writes one line per passage.

    Args:
        model: A folder with a causal language model and its chat template.
    """

    def __init__(self, model: Path) -> None:
        self.tokenizer: Any = AutoTokenizer.from_pretrained(model, padding_side="left")
        loaded: Any = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
        self.model = loaded.eval()
        # An answer is one line: a line break ends it like the model's own mark.
        ends = [self.tokenizer.convert_tokens_to_ids(t) for t in ("Ċ", "ĊĊ")]
        self.options = SAMPLING | {
            "max_new_tokens": MAX_TOKENS,
            "eos_token_id": [self.tokenizer.eos_token_id, *ends],
            "pad_token_id": self.tokenizer.pad_token_id,
        }

    @torch.inference_mode()
    def write(self, chat: list[dict[str, str]], passages: list[str]) -> list[str]:
        """The model's raw answers to passages that follow one chat.

        Args:
            chat: Instruction and examples, shared by all.
            passages: The last message of each.
        """
        template = self.tokenizer.apply_chat_template
        prefix = template(chat, tokenize=False)
        messages = [[*chat, {"role": "user", "content": text}] for text in passages]
        prompts = template(messages, tokenize=False, add_generation_prompt=True)
        shared = self.tokenizer(prefix, return_tensors="pt")["input_ids"]
        own = self.tokenizer(
            [prompt[len(prefix) :] for prompt in prompts],
            return_tensors="pt",
            padding=True,
        )
        cache = self.model(shared, use_cache=True, logits_to_keep=1).past_key_values
        cache.batch_repeat_interleave(len(passages))
        shared = shared.expand(len(passages), -1)
        ids = torch.cat([shared, own["input_ids"]], dim=1)
        mask = torch.cat([torch.ones_like(shared), own["attention_mask"]], dim=1)
        answers = self.model.generate(
            ids, attention_mask=mask, past_key_values=cache, **self.options
        )
        decoded: list[str] = self.tokenizer.batch_decode(
            answers[:, ids.shape[1] :], skip_special_tokens=True
        )
        return decoded


def sample(corpus: pl.DataFrame, count: int, seed: int) -> pl.DataFrame:
    """Passages to write for, with query_id, query_type and prompt.

    Args:
        corpus: Rows of the corpus.
        count: How many; the whole corpus if it has no more.
        seed: Of the order.
    """
    short = corpus["text"].str.split(" ").list.len() < MIN_PASSAGE_WORDS
    order = list(range(len(corpus)))
    random.Random(seed).shuffle(order)  # noqa: S311 - no secret
    order.sort(key=short.to_list().__getitem__)
    types = list(INSTRUCTIONS)
    rows = corpus[order[:count]]
    words = rows["text"].str.split(" ").list.head(PASSAGE_WORDS).list.join(" ")
    return rows.with_columns(
        query_id=pl.Series([f"{n:05d}" for n in range(len(rows))]),
        query_type=pl.Series([types[n % len(types)] for n in range(len(rows))]),
        prompt=rows["title"] + ": " + words,
    )


def batches(rows: pl.DataFrame, batch_size: int) -> Iterator[pl.DataFrame]:
    """Yields rows of one type and of similar length.

    Args:
        rows: What `sample` drew.
        batch_size: Rows of a batch; the last of a type and block has fewer.
    """
    for block in rows.iter_slices(BLOCK):
        by_length = block.sort(pl.col("prompt").str.len_chars())
        for kind in by_length.partition_by("query_type", maintain_order=True):
            yield from kind.iter_slices(batch_size)


def chat(query_type: str, source: random.Random) -> list[dict[str, str]]:
    """The instruction of a type and three examples at random.

    Args:
        query_type: One of the six.
        source: Of the draw.
    """
    messages = [{"role": "system", "content": INSTRUCTIONS[query_type]}]
    for example in source.sample(EXAMPLES, 3):
        messages.append({"role": "user", "content": example["passage"]})
        messages.append({"role": "assistant", "content": example[query_type]})
    return messages


def write_part(writer: Writer, batch: pl.DataFrame, part: Path, seed: str) -> None:
    """Writes the answers to one batch, under a temporary name first.

    Args:
        writer: The model.
        batch: Rows of one type.
        part: Where to.
        seed: Of examples and answers.
    """
    source = random.Random(seed)  # noqa: S311 - no secret
    torch.manual_seed(source.getrandbits(32))
    messages = chat(batch["query_type"][0], source)
    answers = writer.write(messages, batch["prompt"].to_list())
    work = part.with_suffix(".tmp")
    batch.with_columns(answer=pl.Series(answers)).write_parquet(work)
    work.replace(part)


def finish(written: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Queries in order of their ids, and how many answers were dropped and why.

    Args:
        written: Columns query_id, query_type, passage_id, prompt and answer.
    """
    dropped = dict.fromkeys(("empty", "refusal", "copy"), 0)
    kept = []
    for row in written.sort("query_id").iter_rows(named=True):
        text = first_line(row["answer"])
        reason = drop_reason(text, row["prompt"])
        if reason is not None:
            dropped[reason] += 1
            continue
        kept.append((row["query_id"], text, row["query_type"], row["passage_id"]))
    return pl.DataFrame(kept, schemas.QUERIES.columns, orient="row"), dropped


def generate_queries(
    model: Path,
    corpus: Path = HERE / "corpus.parquet",
    out: Path = HERE / "queries.parquet",
    count: int = 1500,
    batch_size: int = 32,
    seed: int = 13,
    overwrite: bool = False,
) -> None:
    """Write training queries for a sample of the corpus.

    Args:
        model: A folder with a chat model.
        corpus: The corpus that make_corpus.py wrote.
        out: The queries to write; the parts stay in a folder beside it.
        count: Passages to write for.
        batch_size: Passages that are written for at once.
        seed: Of sample, examples and answers.
        overwrite: Whether out may be replaced.
    """
    manifest = artefacts.Manifest(
        stage="generate_queries",
        settings={"model": model.name, "count": count, "batch_size": batch_size}
        | {"seed": seed, "max_tokens": MAX_TOKENS, **SAMPLING},
        inputs={"corpus": corpus},
    )
    artefacts.refuse_existing(out, overwrite)
    rows = sample(artefacts.read(corpus, schemas.CORPUS), count, seed)
    parts = out.with_suffix(".parts")
    parts.mkdir(parents=True, exist_ok=True)
    writer = Writer(model)
    done = []
    for number, batch in enumerate(batches(rows, batch_size)):
        part = parts / f"{number:04d}.parquet"
        if not part.exists():
            write_part(writer, batch, part, f"{seed} {number}")
        done.append(pl.read_parquet(part))
        logger.info("%d of %d passages", sum(map(len, done)), len(rows))
    queries, manifest.dropped = finish(pl.concat(done))
    manifest.counts = {"passages": len(rows), "queries": len(queries)}
    artefacts.write(queries, out, schemas.QUERIES, manifest, overwrite)
    logger.info("%d queries in %s (%s)", len(queries), out, manifest.dropped)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    auto_cli(generate_queries, as_positional=False)

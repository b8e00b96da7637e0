"""Times `deduplicate` on passages of 100 words, and takes its peak memory.

The passages are made here: words drawn by Zipf's law from 50,000, one in 50 with an
accent, digits and punctuation between; of 100 passages, 5 repeat an earlier one in
capitals and with other digits, and 3 are a piece of one, from its begin or its end. The
command runs in a process of its own, reading and writing files included. Its peak is
VmHWM of /proc/self/status, so Linux is needed. One JSON line.

    python benchmarks/deduplication.py --quick    # 100,000 passages
    python benchmarks/deduplication.py            # a million
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
from setting import by_size, machine

from dr_lightning import artefacts, schemas

WORDS = 100
VOCABULARY = 50_000
COPIES, PIECES = 0.05, 0.03
BLOCK = 10_000
COMMAND = """
import re, sys
from pathlib import Path
from dr_lightning.cli import main
main(sys.argv[1:])
status = Path("/proc/self/status").read_text()
print(re.search(r"VmHWM:\\s*(\\d+) kB", status).group(1))
"""


def vocabulary(random: np.random.Generator) -> np.ndarray:
    """Made-up words of 2 to 12 letters, one in 50 with an accent."""
    letters = np.array(list("etaoinshrdlucmfwypvbgk"))
    lengths = random.integers(2, 13, VOCABULARY)
    words = ["".join(random.choice(letters, length)) for length in lengths]
    return np.array([w + "é" * (i % 50 == 0) for i, w in enumerate(words)])


def passages(words: np.ndarray, number: int, random: np.random.Generator) -> list[str]:
    """A block of passages; copies and pieces are of passages of the same block."""
    ranks = np.arange(1, len(words) + 1)
    weights = np.cumsum(1 / ranks) / np.sum(1 / ranks)
    drawn = words[np.searchsorted(weights, random.random((number, WORDS)))]
    texts = [
        f"{' '.join(row[:50])}, {i}. {' '.join(row[50:])}"
        for i, row in enumerate(drawn)
    ]
    for place in range(1, number):
        kind = random.random()
        other = texts[random.integers(place)]
        if kind < COPIES:
            texts[place] = f"{place}: {other.upper()}"
        elif kind < COPIES + PIECES:
            half = len(other) // 2
            texts[place] = other[:half] if place % 2 else other[half:]
    return texts


def write_corpus(path: Path, number: int, seed: int = 0) -> None:
    """The corpus artefact, written block by block."""
    random = np.random.default_rng(seed)
    words = vocabulary(random)
    shards = path.with_suffix("")
    shards.mkdir()
    for start in range(0, number, BLOCK):
        size = min(BLOCK, number - start)
        ids = [f"p{i}" for i in range(start, start + size)]
        texts = passages(words, size, random)
        frame = pl.DataFrame({"passage_id": ids, "title": "", "text": texts})
        frame.write_parquet(shards / f"{start:09d}.parquet")
    corpus = artefacts.scan(shards, schemas.CORPUS)
    manifest = artefacts.Manifest(stage="benchmark")
    artefacts.write(corpus, path, schemas.CORPUS, manifest)


def measure(corpus: Path, threads: int) -> dict[str, object]:
    """Seconds, peak memory and counts of the command."""
    out = corpus.parent / "out"
    command = [sys.executable, "-c", COMMAND, "deduplicate", f"--corpus={corpus}"]
    environment = os.environ | {"POLARS_MAX_THREADS": str(threads)}
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [*command, f"--out={out}"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    manifest = artefacts.read_manifest(out / "dropped.parquet")
    return {
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "peak_gib": round(int(done.stdout) / 2**20, 2),
        "dropped": manifest["dropped"],
    }


def main() -> None:
    """Prints one JSON line."""
    options = argparse.ArgumentParser(description=__doc__)
    size = options.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="100,000 passages")
    size.add_argument("--smoke", action="store_true", help="seconds: does it run?")
    options.add_argument("--threads", type=int, default=2)
    given = options.parse_args()
    number = by_size(given)(500, 100_000, 1_000_000)
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus.parquet"
        write_corpus(corpus, number)
        fixed = {
            "passages": number,
            "corpus_mib": round(corpus.stat().st_size / 2**20),
            "machine": machine(given.threads),
        }
        print(json.dumps(fixed | measure(corpus, given.threads)))


if __name__ == "__main__":
    main()

"""Resumable work: results in part files, each written whole, finished ones skipped."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import polars as pl

_SHARD = re.compile(r"([1-9]\d*)/([1-9]\d*)")


@dataclass(frozen=True)
class Shard:
    """The share of one worker among several.

    Args:
        index: This worker, from 1.
        of: How many workers there are.
    """

    index: int = 1
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Reads "2/4": the second of four workers.

        Args:
            text: Worker and number of workers.

        Raises:
            ValueError: If the text is not of that form, or the worker is not from 1 to
                the number of workers.

        Example:
            >>> Shard.parse("2/4")
            Shard(index=2, of=4)
        """
        match = _SHARD.fullmatch(text)
        if match is None or int(match[1]) > int(match[2]):
            msg = (
                f"shard must be I/N with I from 1 to N, such as 2/4 for the second of "
                f"four workers, but got {text!r}. 1/1 is all the work."
            )
            raise ValueError(msg)
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        """The text that `parse` reads."""
        return f"{self.index}/{self.of}"


@dataclass(frozen=True)
class Parts:
    """Part files of a computation over the rows 0 to `rows`, `size` rows a part.

    A part is named by its rows and by a key of everything that shapes its content, and
    it gets its name only when it is complete. So a restart finds what is finished,
    other settings never mix, and several workers may share a folder. Two workers on the
    same part write the same content; the later one wins.

    Args:
        folder: Where the parts lie; only parts lie there.
        key: What `settings_key` gives.
        rows: Rows of the input.
        size: Rows of a part, at least 1.
    """

    folder: Path
    key: str
    rows: int
    size: int

    def __post_init__(self) -> None:
        """Checks the size."""
        if self.size < 1:
            msg = f"a part must have at least 1 row, but got {self.size}."
            raise ValueError(msg)

    def ranges(self) -> list[range]:
        """The rows of each part, in order."""
        starts = range(0, self.rows, self.size)
        return [range(start, min(start + self.size, self.rows)) for start in starts]

    def todo(self, shard: Shard) -> list[range]:
        """Parts of a worker that are not finished.

        Parts are dealt out in turn, so workers get like amounts of work.

        Args:
            shard: Whose parts.
        """
        mine = self.ranges()[shard.index - 1 :: shard.of]
        return [rows for rows in mine if not self.path(rows).exists()]

    def path(self, rows: range) -> Path:
        """The file of a part."""
        return self.folder / f"{rows.start:09d}-{rows.stop:09d}-{self.key}.parquet"

    def write(
        self, rows: range, frame: pl.DataFrame, amounts: Mapping[str, float]
    ) -> None:
        """Writes a part under a name of its own, then renames it.

        Args:
            rows: The part's rows.
            frame: Its result.
            amounts: What `amounts` adds up over all parts, such as seconds.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        _write(frame, self.path(rows), {"amounts": json.dumps(dict(amounts))})

    def read(self) -> pl.DataFrame:
        """All parts, in the order of their rows.

        Raises:
            FileNotFoundError: If a part is missing.
        """
        return pl.concat([pl.read_parquet(self.path(rows)) for rows in self.ranges()])

    def amounts(self) -> dict[str, float]:
        """Sums of what was given to `write`, over all parts."""
        total: dict[str, float] = {}
        for rows in self.ranges():
            noted = pl.read_parquet_metadata(self.path(rows))["amounts"]
            for name, amount in json.loads(noted).items():
                total[name] = total.get(name, 0) + amount
        return total

    def join(self, path: Path) -> "Joined":
        """Writes all parts into one file, for a later command with the same key.

        Args:
            path: The file; one that is there is replaced.

        Raises:
            FileNotFoundError: If a part is missing.
        """
        whole = Joined(self.read(), self.amounts())
        noted = {"key": self.key, "amounts": json.dumps(whole.amounts)}
        _write(whole.rows, path, noted)
        return whole

    def joined(self, path: Path) -> "Joined | None":
        """What `join` wrote; None if there is no such file, or of another key.

        Args:
            path: The file.

        Raises:
            ValueError: If it is a file of another kind, which `join` would replace.
        """
        if not path.is_file():
            return None
        noted = pl.read_parquet_metadata(path)
        if "amounts" not in noted:
            msg = f"{path} would be replaced, but is not of this stage. Move it away."
            raise ValueError(msg)
        if noted["key"] != self.key:
            return None
        return Joined(pl.read_parquet(path), json.loads(noted["amounts"]))

    def others(self) -> int:
        """Part files in the folder that have another key: other settings or inputs."""
        files = self.folder.glob("*.parquet")
        return sum(not file.stem.endswith(f"-{self.key}") for file in files)

    def remove(self) -> None:
        """Deletes all part files, those of other settings too, and the folder."""
        for pattern in ("*.parquet", ".*.tmp"):
            for file in self.folder.glob(pattern):
                file.unlink(missing_ok=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()


def _write(frame: pl.DataFrame, path: Path, noted: dict[str, str]) -> None:
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp")
    frame.write_parquet(temporary, metadata=noted)
    temporary.replace(path)


class Joined(NamedTuple):
    """All parts of a computation.

    Args:
        rows: In order.
        amounts: Sums of what was given to `write`.
    """

    rows: pl.DataFrame
    amounts: dict[str, float]


def settings_key(settings: Mapping[str, object]) -> str:
    """A short name for settings: equal settings, equal name, in whatever order.

    Args:
        settings: Everything that shapes the result, fingerprints of inputs included.

    Returns:
        16 hexadecimal digits.

    Example:
        >>> settings_key({"a": 1, "b": 2}) == settings_key({"b": 2, "a": 1})
        True
    """
    text = json.dumps(dict(settings), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]

"""Where training lists come from: finished files, or scored queries made into lists."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import dr_lightning
from dr_lightning import artefacts
from dr_lightning.cache import building, default_cache
from dr_lightning.curation.files import curate
from dr_lightning.curation.rules import DEFAULT_RULES, ListRules


@dataclass(frozen=True)
class ListFiles:
    """Finished training lists, as `curate` writes them.

    Args:
        train: Lists to train on.
        dev: Lists for `val/loss`; null = no dev loss.
    """

    train: Path
    dev: Path | None = None

    def files(self, cache: Path | None) -> "ListFiles":
        """The files themselves.

        Args:
            cache: Not needed here.
        """
        return self


@dataclass(frozen=True)
class ScoredQueries:
    """Queries and their teacher scores, made into lists as `curate` does.

    The lists are kept in the cache, under a name that changes with the inputs, the
    settings and the release.

    Args:
        queries: Queries with their texts.
        teacher_scores: Their scored candidates, a file a teacher.
        qrels: Judgements; needed for human queries.
        rules: Lengths, percentiles and filters.
        dev_share: Share of the lists for dev.
        seed: Of the split.
    """

    queries: Path
    teacher_scores: list[Path]
    qrels: Path | None = None
    rules: ListRules = DEFAULT_RULES
    dev_share: float = 0.1
    seed: int = 13

    def files(self, cache: Path | None) -> ListFiles:
        """Files of the lists, written first where they are not in the cache.

        Args:
            cache: Folder of caches; null = the user's.
        """
        folder = (cache or default_cache()) / "lists" / self._name()
        if not folder.is_dir():
            with building(folder) as work:
                self._write(work)
        return ListFiles(folder / "train.parquet", folder / "dev.parquet")

    def _write(self, folder: Path) -> None:
        curate(
            self.queries,
            folder,
            self.teacher_scores,
            qrels=self.qrels,
            rules=self.rules,
            dev_share=self.dev_share,
            seed=self.seed,
        )

    def _name(self) -> str:
        inputs = [self.queries, *self.teacher_scores]
        inputs += [] if self.qrels is None else [self.qrels]
        prints = [artefacts.fingerprint(path) for path in inputs]
        release = dr_lightning.__version__
        settings = [release, prints, asdict(self.rules), self.dev_share, self.seed]
        return hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:24]

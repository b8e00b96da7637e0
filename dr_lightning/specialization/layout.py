"""Where everything lies in the folder of a `specialize` run."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """Paths of the artefacts; those above `student` are shared by all students.

    Args:
        work: The folder.
        student: Name of the student's folder in it.
        split: The test split that `ingest` reads; null = a file of test queries.
    """

    work: Path
    student: str
    split: str | None = None

    @property
    def ingested(self) -> Path:
        """What `ingest` writes."""
        return self.work / "ingested"

    @property
    def corpus(self) -> Path:
        """The corpus that is searched."""
        return self.ingested / "corpus.parquet"

    @property
    def dropped(self) -> Path:
        """Passages that no query is written for."""
        return self.work / "unique" / "dropped.parquet"

    @property
    def queries(self) -> Path:
        """The written queries."""
        return self.work / "queries.parquet"

    @property
    def training_corpus(self) -> Path:
        """The corpus without the sentences that became queries, where there are any."""
        beside = self.work / "queries_corpus.parquet"
        return beside if beside.is_file() else self.corpus

    @property
    def own(self) -> Path:
        """The student's folder."""
        return self.work / "students" / self.student

    @property
    def candidates(self) -> Path:
        """The student's candidates."""
        return self.own / "candidates.parquet"

    @property
    def teacher_scores(self) -> Path:
        """The teacher's scores of them."""
        return self.own / "teacher_scores.parquet"

    @property
    def other_scores(self) -> list[Path]:
        """Scores of other students' candidates: pairs that need not be scored again."""
        found = self.work.glob("students/*/teacher_scores.parquet")
        return sorted(path for path in found if path != self.teacher_scores)

    @property
    def lists(self) -> Path:
        """Folder of the training lists."""
        return self.own / "training_lists"

    @property
    def run(self) -> Path:
        """Folder of the training run."""
        return self.own / "fit"

    @property
    def model(self) -> Path:
        """The specialised retriever."""
        return self.run / "model"

    @property
    def evaluation(self) -> Path:
        """Folder of the runs that are compared."""
        return self.own / "evaluation"

    @property
    def report(self) -> Path:
        """The report."""
        return self.own / "report.md"

    def judged(self, tested: bool) -> tuple[Path, Path]:
        """Queries and qrels of the evaluation.

        Args:
            tested: Whether there is a test set; else the dev queries.
        """
        if not tested:
            return self.lists / "dev_queries.parquet", self.lists / "dev_qrels.parquet"
        folder = self.ingested / (self.split or "")
        return folder / "queries.parquet", folder / "qrels.parquet"

    def steps(self, shared: bool) -> Path:
        """Folder of the steps' settings and records.

        Args:
            shared: Whether the step serves all students.
        """
        return (self.work if shared else self.own) / "steps"

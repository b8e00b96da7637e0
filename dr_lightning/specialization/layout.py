"""Where everything lies in the folder of a `specialize` run."""

from dataclasses import dataclass
from pathlib import Path

from dr_lightning.specialization.teachers import step_of


@dataclass(frozen=True)
class Layout:
    """Paths of the artefacts; those above `student` are shared by all students.

    Args:
        work: The folder.
        student: Name of the student's folder in it.
        split: The test split that `ingest` reads; null = a file of test queries.
        writers: Names of the writers beside `llm`.
        teachers: Names of the teachers beside `teacher`.
    """

    work: Path
    student: str
    split: str | None = None
    writers: tuple[str, ...] = ()
    teachers: tuple[str, ...] = ()

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
    def queries(self) -> list[Path]:
        """The written queries, a file a writer; the first one has no name."""
        return [self.queries_of(None), *map(self.queries_of, self.writers)]

    def queries_of(self, writer: str | None) -> Path:
        """The queries of a writer.

        Args:
            writer: Its name; null = the one that `llm` names.
        """
        if writer is None:
            return self.work / "queries.parquet"
        return self.work / "queries" / f"{writer}.parquet"

    def corpus_for(self, out: Path) -> Path:
        """What a writer reads: the corpus as those before it left it.

        Args:
            out: Its queries.
        """
        return self._left_by(self.queries[: self.queries.index(out)])

    @property
    def training_corpus(self) -> Path:
        """The corpus without the sentences that became queries, where there are any."""
        return self._left_by(self.queries)

    def _left_by(self, written: list[Path]) -> Path:
        beside = [path.with_name(f"{path.stem}_corpus.parquet") for path in written]
        return next((path for path in reversed(beside) if path.is_file()), self.corpus)

    @property
    def own(self) -> Path:
        """The student's folder."""
        return self.work / "students" / self.student

    @property
    def candidates(self) -> Path:
        """The student's candidates."""
        return self.own / "candidates.parquet"

    @property
    def teacher_scores(self) -> list[Path]:
        """The scores of all teachers, a file a teacher; the first one has no name."""
        return [self.scores_of(None), *map(self.scores_of, self.teachers)]

    def scores_of(self, teacher: str | None) -> Path:
        """A teacher's scores of the candidates.

        Args:
            teacher: Its name; null = the one that `teacher` names.
        """
        if teacher is None:
            return self.own / "teacher_scores.parquet"
        return self.own / "teacher_scores" / f"{teacher}.parquet"

    @property
    def other_students(self) -> list[Path]:
        """Folders of the other students in the run's folder."""
        return sorted(path for path in self.own.parent.glob("*") if path != self.own)

    def ranking_of(self, teacher: str | None) -> Path:
        """A teacher's ranking of the base's first passages.

        Args:
            teacher: Its name; null = the one that `teacher` names.
        """
        return self.evaluation / f"{step_of('teacher', teacher)}.parquet"

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

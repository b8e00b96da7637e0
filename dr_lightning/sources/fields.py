"""Which field of a source is which column."""

from collections.abc import Sequence
from dataclasses import dataclass

from dr_lightning.sources.table import Table

_PASSAGE_ID = ("_id", "id", "docid", "doc_id", "passage_id", "pid", "docno")
_TEXT = ("text", "contents", "content", "body", "passage", "abstract")
_QUERY_ID = ("_id", "id", "query_id", "qid")
_QUERY = ("text", "query", "question", "title")
_JUDGED_QUERY = ("query-id", "query_id", "qid")
_JUDGED_PASSAGE = (
    "corpus-id",
    "corpus_id",
    "passage_id",
    "doc_id",
    "docid",
    "pid",
    "docno",
)
_RELEVANCE = ("score", "relevance", "rel", "label")


@dataclass(frozen=True)
class Fields:
    """Names of a source's fields; null = guess from the usual ones.

    Args:
        passage_id: Of the corpus, and of the qrels if it is there: _id, docid, ...
        title: The passage's title; a source may have none.
        text: The passage's text: text, contents, body, ...
        query_id: Of the queries, and of the qrels if it is there: _id, qid, ...
        query: The query's text: text, query, question, ...
        relevance: Of the qrels: score, relevance, ...
    """

    passage_id: str | None = None
    title: str | None = None
    text: str | None = None
    query_id: str | None = None
    query: str | None = None
    relevance: str | None = None

    def corpus(self, table: Table) -> dict[str, str]:
        """Fields of the columns of a corpus; `title` may be missing.

        Args:
            table: The source.

        Raises:
            ValueError: If a field is not found.
        """
        found = {
            "passage_id": _find(table, "passage_id", self.passage_id, _PASSAGE_ID),
            "text": _find(table, "text", self.text, _TEXT),
        }
        if self.title is not None or "title" in table.fields:
            found["title"] = _find(table, "title", self.title, ("title",))
        return found

    def queries(self, table: Table) -> dict[str, str]:
        """Fields of the columns of queries.

        Args:
            table: The source.

        Raises:
            ValueError: If a field is not found.
        """
        return {
            "query_id": _find(table, "query_id", self.query_id, _QUERY_ID),
            "text": _find(table, "query", self.query, _QUERY),
        }

    def qrels(self, table: Table) -> dict[str, str]:
        """Fields of the columns of qrels.

        Args:
            table: The source.

        Raises:
            ValueError: If a field is not found.
        """
        # Qrels often name ids otherwise than corpus and queries do.
        query = tuple(filter(None, (self.query_id, *_JUDGED_QUERY)))
        passage = tuple(filter(None, (self.passage_id, *_JUDGED_PASSAGE)))
        return {
            "query_id": _find(table, "query_id", None, query),
            "passage_id": _find(table, "passage_id", None, passage),
            "relevance": _find(table, "relevance", self.relevance, _RELEVANCE),
        }


def _find(table: Table, option: str, given: str | None, usual: Sequence[str]) -> str:
    wanted = usual if given is None else (given,)
    for name in wanted:
        if name in table.fields:
            return name
    msg = (
        f"{table.where}: no field {' or '.join(map(repr, wanted))}; found "
        f"{', '.join(map(repr, table.fields)) or 'none'}. Name it with "
        f"--fields.{option}; CSV and TSV need a first line of names."
    )
    raise ValueError(msg)

"""What a chat model is told, for each type of query, and what is kept of its answer."""

import json
import re
from pathlib import Path

_SYSTEM = (
    "You read an entry of the Python reference and write {}. Use the everyday words "
    "of a programmer who has the problem and does not know the name of the function, "
    "class or module yet. Write one line of under 20 words."
)
INSTRUCTIONS = {
    kind: _SYSTEM.format(wanted)
    for kind, wanted in {
        "question": "a question that it answers",
        "keywords": "a few keywords to search for it",
        "search": "what a programmer would type into a search box to find it",
        "claim": "a short statement about programs that it supports",
        "title": "the title of a how-to article that would cite it",
        "msmarco": "a natural web search query that it answers",
    }.items()
}
"""Query type -> the system message."""

_FILE = Path(__file__).parent / "examples.jsonl"
EXAMPLES: list[dict[str, str]] = [
    json.loads(line) for line in _FILE.read_text("utf-8").splitlines()
]
"""Entries of other packages, each with a query of every type."""

_LABEL = re.compile(
    r"(?:(?:search |web )?query|question|keywords?|claim|statement|title|answer)"
    r"\s*:\s*",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"(?:i'm |i am )?sorry\b|i can(?:no|')t\b|as an ai\b", re.IGNORECASE
)
_QUOTES = "\"'`*“” "
_MIN_COPY = 5


def first_line(answer: str) -> str:
    r"""The first line of an answer that has text, without label and quotes.

    Args:
        answer: What the model wrote.

    Example:
        >>> first_line('\n\nQuery:  "sort a  list"\nThis finds ...')
        'sort a list'
    """
    line = next((line for line in answer.splitlines() if line.strip()), "")
    line = " ".join(line.split()).strip(_QUOTES)
    label = _LABEL.match(line)
    return line[label.end() if label else 0 :].strip(_QUOTES)


def drop_reason(query: str, passage: str) -> str | None:
    """Why a query is of no use: `empty`, `refusal` or `copy`; None if it is kept.

    A query is a copy if it is a passage's own words in their order, five or more.

    Args:
        query: A cleaned answer.
        passage: What the model read.

    Example:
        >>> drop_reason("return a copy of the string", "Return a copy of the string.")
        'copy'
    """
    if not _plain(query):
        return "empty"
    if _REFUSAL.match(query):
        return "refusal"
    is_copy = _plain(query) in _plain(passage) and len(query.split()) >= _MIN_COPY
    return "copy" if is_copy else None


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))

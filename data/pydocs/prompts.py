"""What a chat model is told, for each type of query, and what is kept of its answer."""

import json
import re
from pathlib import Path

_NO_NAMES = (
    "Use the words of somebody who has the problem and does not know the name of the "
    "function, class or module yet. Write one line of under 20 words and nothing else."
)
INSTRUCTIONS = {
    "question": "The user shows an entry of a programming reference. "
    f"Write a question that a programmer would ask and that it answers. {_NO_NAMES}",
    "keywords": "The user shows an entry of a programming reference. "
    f"Write the few keywords that a programmer would search for. {_NO_NAMES}",
    "search": "The user shows an entry of the Python reference. Write what a Python "
    "programmer with a task or a problem would type into a search box to find this "
    f"entry. {_NO_NAMES}",
    "claim": "The user shows an entry of a programming reference. "
    f"Write a short statement of fact that it supports. {_NO_NAMES}",
    "title": "The user shows an entry of a programming reference. "
    f"Write the title of a how-to article that it would be cited in. {_NO_NAMES}",
    "msmarco": "The user shows an entry of a programming reference. "
    f"Write a natural web search query that it answers. {_NO_NAMES}",
}
"""Query type -> the system message."""

EXAMPLES: list[dict[str, str]] = [
    json.loads(line)
    for line in (Path(__file__).parent / "examples.jsonl").read_text("utf-8").split("\n")
    if line
]
"""Passages about other software, each with a query of every type but `search`."""

_LABEL = re.compile(
    r"^(?:(?:search |web )?query|question|keywords?|claim|statement|title|answer)"
    r"\s*:\s*",
    re.IGNORECASE,
)
_REFUSAL = re.compile(r"(?:i'm |i am )?sorry\b|i can(?:no|')t\b|as an ai\b", re.IGNORECASE)
_MIN_COPY = 5


def first_line(answer: str) -> str:
    """The first line of an answer that has text, without label and quotes.

    Example:
        >>> first_line('\\n\\nQuery:  "sort a  list"\\nThis finds ...')
        'sort a list'
    """
    line = next((line for line in answer.splitlines() if line.strip()), "")
    line = " ".join(line.split())
    line = _LABEL.sub("", line.strip("\"'`*“” "))
    return line.strip("\"'`*“” ")


def drop_reason(query: str, passage: str) -> str | None:
    """Why a query is of no use: `empty`, `refusal`, `copy`; None if it is kept.

    A query is a copy if it is a passage's own words in their order, five or more.

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

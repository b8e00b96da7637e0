"""Makes a query of an engine's answer."""

import re
import unicodedata
from typing import NamedTuple

_PAIRS = (
    *('""', "''", "``", "**", "__"),
    *("\u201c\u201d", "\u2018\u2019", "\u201e\u201c", "\u201e\u201d"),  # curly, low
    *("\u00ab\u00bb", "\u00bb\u00ab", "\u2039\u203a", "\u300c\u300d", "\u300e\u300f"),
)
"""Quotes, and the marks that Markdown sets words in: opening and closing."""
_LONE = '"\u201c\u201d\u201e\u00ab\u00bb'
"""Quotes that are taken off an end even where the other one is missing."""
_BULLET = re.compile(r"(?:[-*\u2022\u2013\u2014>#]+|\(?\d{1,2}[.)]|\(?[a-z]\))\s+")
_LABEL = re.compile(
    r"(?:(?:web |search )*query|question|keywords?|claim|statement|title|answer)"
    r"(?: \d{1,2})?\s*:",
    re.IGNORECASE,
)
_PREAMBLE = re.compile(
    r"(?:sure|okay|certainly|of course|here(?:['\u2019]s| is| are))\b.*:"
)


class Line(NamedTuple):
    """The line of an answer that holds the query.

    Attributes:
        text: The line.
        ended: Whether a line break follows it, so that nothing is missing.
    """

    text: str
    ended: bool


def first_line(answer: str) -> Line:
    r"""The first line that has text and does not merely announce the query.

    Args:
        answer: As an engine gave it.

    Example:
        >>> first_line("\n\nHere is a query:\nhow do swifts sleep\nIt asks ...")
        Line(text='how do swifts sleep', ended=True)
    """
    for line in answer.splitlines(keepends=True):
        text = line.strip()
        if text and not _PREAMBLE.fullmatch(text.lower()):
            return Line(text, ended=line.splitlines()[0] != line)
    return Line("", ended=False)


def clean(answer: str, label: str = "") -> str:
    r"""The query in an answer: its first line, without label, bullet and quotes.

    Cleaning what is clean changes nothing.

    Args:
        answer: As an engine gave it.
        label: The query type's; the usual ones are known.

    Example:
        >>> clean('1. **Search query:** "how do  swifts sleep"\nIt asks ...')
        'how do swifts sleep'
    """
    text = " ".join(first_line(answer).text.split())
    before = None
    while text != before:
        before = text
        text = _without_label(_without_quotes(text), label)
        if bullet := _BULLET.match(text):
            text = text[bullet.end() :]
    return "" if _PREAMBLE.fullmatch(text.lower()) else text


def plain(text: str) -> str:
    """Words alone, in lower case: texts with equal ones are duplicates.

    Args:
        text: Any text.

    Example:
        >>> plain("How do *swifts* sleep?")
        'how do swifts sleep'
    """
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).lower()))


def _without_quotes(text: str) -> str:
    """Strips quotes that enclose the whole text, and lone ones at an end."""
    text = text.strip()
    while len(text) > 1 and text[0] + text[-1] in _PAIRS:
        inner = text[1:-1]
        if text[0] in inner or text[-1] in inner:
            break
        text = inner.strip()
    if text.startswith(("**", "__")) and text.endswith(text[:2]) and len(text) > 4:
        text = text[2:-2].strip()
    for end in (0, -1):
        if text and text[end] in _LONE and not set(_LONE) & set(_other(text, end)):
            text = _other(text, end).strip()
    return text


def _other(text: str, end: int) -> str:
    return text[1:] if end == 0 else text[:-1]


def _without_label(text: str, label: str) -> str:
    bare = text.lstrip("*_ ")
    marks = len(text) - len(bare)
    if label and bare.lower().startswith(label.lower()):
        rest = bare[len(label) :]
    elif match := _LABEL.match(bare):
        rest = bare[match.end() :]
    else:
        return text
    # "**Query:** text" and "**Query: text**"
    if marks:
        mark = text[:marks].strip()
        rest = rest.removeprefix(mark) if rest.startswith(mark) else rest.rstrip("*_")
    return rest.strip()

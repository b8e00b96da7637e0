"""Makes a query of an engine's answer, or tells why it cannot."""

import re
import unicodedata
from dataclasses import dataclass
from typing import NamedTuple

from dr_lightning.generation.engine import Answer

EMPTY = "empty"
CUT = "cut by the token limit"
COPY = "copy of the passage"
REFUSAL = "refusal"
MENTION = "speaks of its passage"
DUPLICATE = "duplicate"

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
_REFUSAL = re.compile(
    r"(?:(?:i['\u2019]m|i am|we are) )?(?:sorry|afraid),? (?:but|i|we|as|that|there)\b"
    r"|i apologi[sz]e\b|as an? (?:ai|language)\b"
    r"|(?:i['\u2019]m|i am) (?:unable|not able) to\b"
    r"|i (?:can(?:not|['\u2019]t| not)|could(?: not|n['\u2019]t)|"
    r"do(?: not|n['\u2019]t)) (?:help|assist|provide|write|create|generate|fulfil|"
    r"comply|answer|have (?:enough|the))"
    r"|(?:please|could you|can you) provide (?:me |us )?(?:with )?(?:the|a|more) "
    r"(?:passage|text|context|information)"
    r"|(?:the|this) (?:passage|text) (?:does|is|has|was) (?:not|no|empty|missing)\b"
    r"|there is no (?:passage|text)\b|no passage (?:is|was)\b",
    re.IGNORECASE,
)
_MENTION = re.compile(
    r"\b(?:this|the (?:given|above|present|current)) (?:passage|text|paper|article|"
    r"abstract|study|report|document|author|excerpt)s?\b"
    r"|\b(?:purpose|aim|goal|topic|subject) of (?:an?|the) (?:paper|text|study|"
    r"article)\b"
    r"|\bthe passage\b|\baccording to the (?:text|authors?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class CleaningRules:
    """When an answer is dropped.

    Args:
        copy_words: An answer that has this many words in a row with its passage is a
            copy; null = never. Not asked of engines whose answers are pieces of the
            passage by design.
        whole_copy_words: So is one that stands in its passage as a whole, from this
            many words on; null = never.
        refusals: Whether to drop refusals and talk about the task, known by their
            (English) beginnings.
        mentions: Whether to drop queries that speak of "this passage", "this paper" and
            so on (in English): nobody who searches has seen it.
        duplicates: Whether to drop a query that another of the same passage equals but
            for case and punctuation; the first stays.

    Raises:
        ValueError: If a number is below 2.

    Example:
        >>> CleaningRules().copy_words
        10
    """

    copy_words: int | None = 10
    whole_copy_words: int | None = 6
    refusals: bool = True
    mentions: bool = True
    duplicates: bool = True

    def __post_init__(self) -> None:
        """Checks the numbers."""
        for name in ("copy_words", "whole_copy_words"):
            value = getattr(self, name)
            if value is not None and value < 2:
                msg = f"{name} must be at least 2, or null for never, but got {value}."
                raise ValueError(msg)


DEFAULT_CLEANING = CleaningRules()


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


def drop_reason(
    query: str, answer: Answer, passage: str, rules: CleaningRules
) -> str | None:
    """Why a query is of no use; None if it is kept.

    Args:
        query: What `clean` made of the answer.
        answer: The answer.
        passage: What the engine read; empty if copies are meant to be.
        rules: What to drop.

    Example:
        >>> drop_reason("swifts", Answer("swifts", complete=False), "", CleaningRules())
        'cut by the token limit'
    """
    if answer.fault is not None:
        return answer.fault
    if not plain(query):
        return EMPTY if answer.complete else CUT
    if not answer.complete and not first_line(answer.text).ended:
        return CUT
    if rules.refusals and _REFUSAL.match(query):
        return REFUSAL
    if rules.mentions and _MENTION.search(query):
        return MENTION
    return COPY if _is_copy(query, passage, rules) else None


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


def _is_copy(query: str, passage: str, rules: CleaningRules) -> bool:
    if not passage:
        return False
    words, known = plain(query).split(), f" {plain(passage)} "
    size, whole = rules.copy_words, rules.whole_copy_words
    runs = [] if size is None else range(len(words) - size + 1)
    if any(f" {' '.join(words[at : at + (size or 0)])} " in known for at in runs):
        return True
    return whole is not None and len(words) >= whole and f" {' '.join(words)} " in known

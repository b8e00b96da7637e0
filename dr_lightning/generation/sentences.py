"""Splits a text into sentences, each a piece of the text as it stands."""

import re

_END = re.compile(
    r"(?<=\S)[.!?]+[\"')\]\u201d\u2019]*"
    r"(?=\s+[\"'(\[\u201c\u2018]?(?:\d|(?=[^\W\d_])[^a-z\u00df-\u00ff]))"  # ". Next"
    r"|(?<=\s)[.!?](?=\s)"  # " . next", as in texts that were cut into tokens
    r"|[\u3002\uff01\uff1f]"  # CJK
)
_ABBREVIATION = re.compile(
    r"\b(?:e\.g|i\.e|et al|cf|vs|figs?|eqs?|nos?|vol|pp|ca|approx|resp|drs?|mrs?|ms|"
    r"prof|st|jr|inc|ltd|co|dept|secs?|refs?|tab|ch)\s?$"
    r"|(?<!\w)[^\W\d_](?:\.[^\W\d_])*$",  # J. and U.S.
    re.IGNORECASE,
)
_LONGEST = 12
"""Characters that an abbreviation may have."""


def sentences(text: str) -> list[str]:
    """Sentences in order, without space at their ends.

    Simple rules for Latin, Greek and Cyrillic script and for CJK full stops; texts
    whose full stops stand apart (" . ") are known too. A break after an abbreviation or
    an initial is none.

    Args:
        text: Any text.

    Example:
        >>> sentences("Bread rises, e.g. in Fig. 2. It is baked. Then: eat")
        ['Bread rises, e.g. in Fig. 2.', 'It is baked.', 'Then: eat']
    """
    found, start = [], 0
    for end in _END.finditer(text):
        before = text[max(start, end.start() - _LONGEST) : end.start()]
        if end.group()[0] == "." and _ABBREVIATION.search(before):
            continue
        found.append(text[start : end.end()])
        start = end.end()
    found.append(text[start:])
    return [sentence.strip() for sentence in found if sentence.strip()]

"""Texts of others in markdown: shown as they are, without a link, image or tag."""

import re

#: What markdown would not take for text. Within a word an underscore means nothing, and
#: only at an end a hash or a quote's sign does.
_MEANS = re.compile(
    r"[\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_])|^[>#]|#$|<(?=[a-zA-Z/!?])|&(?=#?\w+;)"
)
#: Not every reader of markdown knows a backslash before these.
_ENTITIES = {"<": "&lt;", "&": "&amp;", "|": "&#124;", "~": "&#126;"}


def plain(text: str) -> str:
    r"""Text on one line in which nothing is formatted and no table cell ends.

    Args:
        text: Such as a query or the name of a system.

    Example:
        >>> print(plain("![x](http://y) *a_b* <b>"), plain("p < 0.05, d|e, Q&A, &lt;"))
        !\[x\](http://y) \*a_b\* &lt;b> p < 0.05, d&#124;e, Q&A, &amp;lt;
    """
    line = " ".join(text.split())
    return _MEANS.sub(lambda found: _ENTITIES.get(found[0], f"\\{found[0]}"), line)


def fence(text: str, least: int) -> str:
    """Backticks that do not stand in a text: a code span or block may lie between them.

    Args:
        text: The code.
        least: How many at least.

    Example:
        >>> fence("a`b", 1), fence("a", 3)
        ('``', '```')
    """
    longest = max(map(len, re.findall("`+", text)), default=0)
    return "`" * max(least, longest + 1)

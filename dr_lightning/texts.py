"""One template that joins title and text, used wherever a model reads a passage."""

import re

import polars as pl

PASSAGE_TEMPLATE = "{title} {text}"
"""The default: the title, a space, the text."""

_FIELD = re.compile(r"\{(title|text)\}")


def check_template(template: str) -> str:
    """Returns a template that names `{text}` and no unknown field.

    Args:
        template: Text with the fields `{title}` and `{text}`.

    Raises:
        ValueError: If `{text}` is missing or another brace stands in the template.

    Example:
        >>> check_template("{title} {text}")
        '{title} {text}'
    """
    rest = _FIELD.sub("", template)
    if "{text}" not in template or "{" in rest or "}" in rest:
        msg = (
            f"template must contain {{text}}, may contain {{title}}, and no other "
            f"braces, but got {template!r}. The default is {PASSAGE_TEMPLATE!r}."
        )
        raise ValueError(msg)
    return template


def passage_text(template: str = PASSAGE_TEMPLATE) -> pl.Expr:
    """A polars expression over `title` and `text`: the passage as a model reads it.

    Spaces at both ends go, so that an empty title leaves none behind.

    Args:
        template: Text with the fields `{title}` and `{text}`.

    Raises:
        ValueError: If the template is not one that `check_template` accepts.

    Example:
        >>> frame = pl.DataFrame({"title": ["zip", ""], "text": ["Joins.", "Sorts."]})
        >>> frame.select(passage_text()).to_series().to_list()
        ['zip Joins.', 'Sorts.']
    """
    parts = _FIELD.split(check_template(template))
    columns = [
        pl.col(part) if index % 2 else pl.lit(part) for index, part in enumerate(parts)
    ]
    return pl.concat_str(columns).str.strip_chars().alias("passage")

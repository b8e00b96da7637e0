"""The name of a writer, which tells its queries from those of others."""

import re

import polars as pl

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")


def check_writer(name: str | None, who: str = "writer") -> None:
    """Refuses a name that cannot stand in ids and file names.

    Args:
        name: Of the writer; null = it has none.
        who: What has the name, for the message.

    Raises:
        ValueError: If it has other characters than letters, digits, `-` and `.`.
    """
    if name is not None and not _NAME.fullmatch(name):
        msg = (
            f"a {who}'s name must be of letters, digits, - and . and begin with one "
            f"of the first two, but got {name!r}."
        )
        raise ValueError(msg)


def with_writer(queries: pl.DataFrame, name: str | None) -> pl.DataFrame:
    """Puts the name ahead of ids and types.

    Args:
        queries: query_id and query_type among its columns.
        name: Of the writer; null = they stay as they are.

    Example:
        >>> frame = pl.DataFrame({"query_id": ["claim-1f"], "query_type": ["claim"]})
        >>> with_writer(frame, "rules").row(0)
        ('rules-claim-1f', 'rules-claim')
    """
    if name is None:
        return queries
    return queries.with_columns(
        pl.concat_str(pl.lit(f"{name}-"), column).alias(column)
        for column in ("query_id", "query_type")
    )

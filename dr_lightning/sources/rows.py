"""Cleans rows of a source once, so that every stage and the evaluation see one text."""

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from dr_lightning.sources.table import Table

_BREAKS = r"[\p{Cc}\p{Zl}\p{Zp}\x{FEFF}]"


def clean(column: str, max_characters: int | None) -> pl.Expr:
    r"""One line of text: stripped, cut, null as the empty text.

    Newlines, tabs, other control characters, line separators and byte order marks each
    become a space; spaces are not squeezed. Cleaning twice changes nothing.

    Args:
        column: Name of a text column.
        max_characters: Longer texts are cut here, at least 1; null = not cut.

    Example:
        >>> frame = pl.DataFrame({"text": [" lift\r\nand\tdrag ", None]})
        >>> frame.select(clean("text", 8)).to_series().to_list()
        ['lift  an', '']
    """
    text = _on_one_line(column)
    if max_characters is None:
        return text
    return text.str.head(max_characters).str.strip_chars_end()


def is_cut(columns: Sequence[str], max_characters: int | None) -> pl.Expr:
    """Whether `clean` cuts one of a row's texts.

    Args:
        columns: Names of text columns.
        max_characters: As `clean` takes it.

    Example:
        >>> frame = pl.DataFrame({"text": [" lift ", "lift and drag"]})
        >>> frame.select(is_cut(["text"], 4)).to_series().to_list()
        [False, True]
    """
    if max_characters is None:
        return pl.lit(value=False)
    lengths = [_on_one_line(column).str.len_chars() for column in columns]
    return pl.max_horizontal(lengths) > max_characters


def _on_one_line(column: str) -> pl.Expr:
    return pl.col(column).fill_null("").str.replace_all(_BREAKS, " ").str.strip_chars()


def renamed(table: Table, fields: Mapping[str, str]) -> Iterator[pl.DataFrame]:
    """Rows of a source in the columns of an artefact, in batches; ids are stripped.

    Args:
        table: The source.
        fields: Field of each column.
    """
    columns = {name: pl.col(field) for name, field in fields.items()}
    for name in columns:
        if name.endswith("_id"):
            columns[name] = columns[name].str.strip_chars()
    for batch in table.batches(list(dict.fromkeys(fields.values()))):
        yield batch.select("line", **columns)


def refuse_lines(rows: pl.LazyFrame, broken: pl.Expr, where: str, fault: str) -> None:
    """Refuses a source for its first row of a kind.

    Args:
        rows: With `line`.
        broken: True in rows that are refused.
        where: The source.
        fault: What such a row has, and the way out.

    Raises:
        ValueError: If there is such a row.
    """
    lines = rows.filter(broken).select("line").collect()["line"]
    if len(lines):
        others = f" (and {len(lines) - 1:,} others)" if len(lines) > 1 else ""
        msg = f"{where}:{lines[0]}: {fault}{others}"
        raise ValueError(msg)


def refuse_missing_ids(rows: pl.LazyFrame, name: str, where: str) -> None:
    """Refuses rows without an id, which no one can make up.

    Args:
        rows: With `line`.
        name: The id's column.
        where: The source.

    Raises:
        ValueError: If there is such a row.
    """
    missing = pl.col(name).is_null() | (pl.col(name) == "")
    refuse_lines(rows, missing, where, f"has no {name}; give it one or remove it.")


def drop_repeats(
    rows: pl.LazyFrame, key: Sequence[str], content: Sequence[str], where: str
) -> pl.LazyFrame:
    """Keeps the first of rows that are the same.

    Args:
        rows: With `line`.
        key: Columns that may occur once.
        content: The others, which must then be the same.
        where: The source.

    Raises:
        ValueError: If rows have one key and different contents; names two lines.
    """
    # Ids alone are held in memory; texts only where an id occurs twice.
    ids = rows.select("line", *key).filter(pl.struct(key).is_duplicated())
    lines = ids.collect(engine="streaming")["line"]
    if lines.is_empty():
        return rows
    twice = rows.filter(pl.col("line").is_in(lines.implode())).collect()
    first = twice.unique(key, keep="first", maintain_order=True)
    kinds = twice.unique([*key, *content], keep="first", maintain_order=True)
    if len(kinds) > len(first):
        _refuse_conflict(kinds, key, content, where)
    later = lines.filter(~lines.is_in(first["line"].implode()))
    return rows.filter(~pl.col("line").is_in(later.implode()))


def _refuse_conflict(
    kinds: pl.DataFrame, key: Sequence[str], content: Sequence[str], where: str
) -> None:
    pairs = kinds.filter(pl.struct(key).is_duplicated())
    pair = pairs.join(pairs.head(1).select(key), on=key, maintain_order="left")
    ids = ", ".join(f"{name} {pair[name][0]!r}" for name in key)
    msg = (
        f"{where}:{pair['line'][1]}: {ids} stands in line {pair['line'][0]} too, with "
        f"another {' or '.join(content)}. Remove or rename one."
    )
    raise ValueError(msg)

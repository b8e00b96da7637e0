"""The artefacts' columns and what must hold of their rows, checked at read and write.

Ids are strings. There is no rank column: lists are in rank order, so rank 1 is the
first item. Scores are float32, as trec_eval compares them; wider floats are rounded.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

logger = logging.getLogger(__name__)

SCHEMA_VERSION = 1
"""Stands in every manifest; a change of columns or of their meaning raises it."""


@dataclass(frozen=True, eq=False)
class Rule:
    """Something that holds of every row.

    Args:
        column: The column that is named when the rule is broken.
        fault: What such a row has or does, as "is null".
        broken: True in rows that break the rule; null counts as false.
    """

    column: str
    fault: str
    broken: pl.Expr


@dataclass(frozen=True, eq=False)
class Schema:
    """The contract of one artefact.

    Args:
        name: What the artefact is called.
        columns: Name and type of each column, in order.
        key: Columns that together occur once.
        written_by: The stage that writes it.
        nullable: Columns that may be null.
        blank: Columns of text in which null is the empty text.
        rules: What must hold beside what follows from the types.
    """

    name: str
    columns: Mapping[str, pl.DataType]
    key: tuple[str, ...]
    written_by: str
    nullable: frozenset[str] = frozenset()
    blank: frozenset[str] = frozenset()
    rules: tuple[Rule, ...] = ()


def _list_rules(scores: str, first: int = 0) -> tuple[Rule, ...]:
    """Rules of lists of passages, with scores that descend from index `first` on."""
    ids, values = pl.col("passage_id").list, pl.col(scores).list
    rises = values.slice(first).list.diff(null_behavior="drop").list.max() > 0
    fault = "does not descend" + (" after the positive" if first else "")
    return (
        Rule("passage_id", "is an empty list", ids.len() == 0),
        Rule("passage_id", "has a passage twice", ids.n_unique() < ids.len()),
        Rule(scores, "is not as long as passage_id", values.len() != ids.len()),
        Rule(scores, fault, rises),
    )


_STRING = pl.String()
_IDS = pl.List(pl.String())
_SCORES = pl.List(pl.Float32())
_POSITIVE = pl.col("passage_id").list.first()
_OUTSIDE = ~pl.col("teacher_score").list.eval(pl.element().is_between(0, 1)).list.all()

CORPUS = Schema(
    name="corpus",
    columns={"passage_id": _STRING, "title": _STRING, "text": _STRING},
    key=("passage_id",),
    written_by="ingest",
    blank=frozenset({"title"}),
)
NOT_SAMPLED = "not_sampled"
"""The reason of a dropped passage that is neither a duplicate nor held out."""

DROPPED = Schema(
    name="dropped",
    columns={
        "passage_id": _STRING,
        "reason": _STRING,
        "representative_id": _STRING,
    },
    key=("passage_id",),
    written_by="deduplicate",
    nullable=frozenset({"representative_id"}),
    rules=(
        Rule(
            "representative_id",
            "is the dropped passage itself",
            pl.col("representative_id") == pl.col("passage_id"),
        ),
    ),
)
QUERIES = Schema(
    name="queries",
    columns={
        "query_id": _STRING,
        "text": _STRING,
        "query_type": _STRING,
        "source_passage_id": _STRING,
    },
    key=("query_id",),
    written_by="ingest",
    nullable=frozenset({"source_passage_id"}),
)
QRELS = Schema(
    name="qrels",
    columns={"query_id": _STRING, "passage_id": _STRING, "relevance": pl.Int64()},
    key=("query_id", "passage_id"),
    written_by="ingest",
)
RUN = Schema(
    name="run",
    columns={"query_id": _STRING, "passage_id": _IDS, "score": _SCORES},
    key=("query_id",),
    written_by="retrieve",
    rules=_list_rules("score"),
)
TEACHER_SCORES = Schema(
    name="teacher_scores",
    columns={"query_id": _STRING, "passage_id": _IDS, "teacher_score": _SCORES},
    key=("query_id",),
    written_by="score",
    rules=_list_rules("teacher_score"),
)
TRAINING_LISTS = Schema(
    name="training_lists",
    columns={
        "query_id": _STRING,
        "text": _STRING,
        "query_type": _STRING,
        "passage_id": _IDS,
        "teacher_score": _SCORES,
        "excluded_id": _IDS,
    },
    key=("query_id",),
    written_by="curate",
    nullable=frozenset({"teacher_score"}),
    rules=(
        *_list_rules("teacher_score", first=1),
        Rule("teacher_score", "is outside 0..1", _OUTSIDE),
        Rule(
            "excluded_id",
            "has the list's own positive",
            pl.col("excluded_id").list.contains(_POSITIVE),
        ),
    ),
)


def check(frame: pl.DataFrame, schema: Schema, where: str) -> pl.DataFrame:
    """The contract's columns of a frame, in order and cast, if its rows keep it.

    Args:
        frame: What is to be checked.
        schema: The contract.
        where: The file, for messages.

    Raises:
        ValueError: If a column is missing or of another type, or a row breaks a rule;
            names the file, the column, the row (from 1) and the way out.

    Example:
        >>> frame = pl.DataFrame({"text": ["b"], "passage_id": [7], "title": ["a"]})
        >>> check(frame, CORPUS, "corpus.parquet").row(0)
        ('7', 'a', 'b')
    """
    typed = conform(frame.lazy(), schema, where).collect()
    check_rows(typed.lazy(), schema, where)
    return typed


def conform(frame: pl.LazyFrame, schema: Schema, where: str) -> pl.LazyFrame:
    """The contract's columns of a lazy frame, in order and cast; rows are not read.

    Integers become strings where ids are wanted, a passage without title gets an empty
    one, other columns are left out.

    Args:
        frame: What is to be checked.
        schema: The contract.
        where: The file, for messages.

    Raises:
        ValueError: If a column is missing, or has a type that cannot be cast.
    """
    found = frame.collect_schema()
    for name, wanted in schema.columns.items():
        if name not in found:
            msg = (
                f"{where}: missing column {name!r} of {schema.name}; found "
                f"{', '.join(found) or 'none'}. Write it with `{schema.written_by}`, "
                f"or rename a column."
            )
            raise ValueError(msg)
        if not _castable(found[name], wanted):
            msg = (
                f"{where}: column {name!r} of {schema.name} must be {wanted}, but is "
                f"{found[name]}. Write it with `{schema.written_by}`, or cast it."
            )
            raise ValueError(msg)
    if others := [name for name in found if name not in schema.columns]:
        logger.info("%s: leaves out columns %s", where, ", ".join(others))
    columns = {name: pl.col(name).cast(kind) for name, kind in schema.columns.items()}
    blank = {name: columns[name].fill_null("") for name in schema.blank}
    return frame.select(**columns | blank)


def _castable(found: object, wanted: object) -> bool:
    """Whether every value of a type has one of the wanted type; floats are rounded."""
    if not (isinstance(found, pl.DataType) and isinstance(wanted, pl.DataType)):
        return found == wanted
    if found == pl.Null:
        return True
    if isinstance(wanted, pl.List):
        return isinstance(found, pl.List | pl.Array) and _castable(
            found.inner, pl.List(wanted.inner).inner
        )
    if wanted == pl.String:
        return found.is_integer() or found in (pl.String, pl.Categorical, pl.Enum)
    if wanted.is_integer():
        return found.is_signed_integer() or found in (pl.UInt8, pl.UInt16, pl.UInt32)
    return found.is_numeric()


def check_rows(frame: pl.LazyFrame, schema: Schema, where: str) -> None:
    """Refuses a frame with a row that breaks the contract; one pass, in batches.

    Args:
        frame: What `conform` gave.
        schema: The contract.
        where: The file, for messages.

    Raises:
        ValueError: If a row breaks a rule; names the file, the column, the row (from 1)
            and the way out.
    """
    rules = [*_type_rules(schema), *schema.rules]
    key = pl.struct(schema.key) if len(schema.key) > 1 else pl.col(schema.key)
    found = frame.select(
        *(rule.broken.any().alias(str(index)) for index, rule in enumerate(rules)),
        (key.n_unique() < pl.len()).alias(str(len(rules))),
    ).collect(engine="streaming")
    name = ", ".join(schema.key)
    rules.append(Rule(name, "occurs more than once", key.is_duplicated()))
    for rule, broken in zip(rules, found.row(0), strict=True):
        if broken:
            _refuse(frame, rule, schema, where)


def _type_rules(schema: Schema) -> Iterator[Rule]:
    """What follows from the columns' types and names."""
    item = pl.element()
    for name, dtype in schema.columns.items():
        column = pl.col(name)
        if name not in schema.nullable:
            yield Rule(name, "is null", column.is_null())
        if dtype == pl.String and name.endswith("_id"):
            yield Rule(name, "is empty", column == "")
        if dtype == _IDS:
            bad = column.list.eval(item.is_null() | (item == "")).list.any()
            yield Rule(name, "has a null or empty id", bad)
        if dtype == _SCORES:
            bad = column.list.eval(~item.is_finite().fill_null(value=False)).list.any()
            yield Rule(name, "has a null, NaN or infinite score", bad)


def _refuse(frame: pl.LazyFrame, rule: Rule, schema: Schema, where: str) -> None:
    rows = frame.select(
        pl.int_range(1, pl.len() + 1).alias("row"),
        pl.col(schema.key[0]).alias("id"),
        rule.broken.fill_null(value=False).alias("broken"),
    )
    broken = rows.filter("broken").collect()
    row, id_, _ = broken.row(0)
    others = f" and {len(broken) - 1:,} other rows" if len(broken) > 1 else ""
    msg = (
        f"{where}: {rule.column} of {schema.name} {rule.fault} in row {row} "
        f"({schema.key[0]} {id_!r}){others}. Mend it, or write the file anew with "
        f"`{schema.written_by}`."
    )
    raise ValueError(msg)

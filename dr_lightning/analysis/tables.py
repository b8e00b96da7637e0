"""The tables of `compare` and `report`."""

from collections.abc import Mapping, Sequence

from dr_lightning.analysis.agreement import Agreement
from dr_lightning.analysis.comparison import Row
from dr_lightning.analysis.family import Tested
from dr_lightning.analysis.groups import Group
from dr_lightning.analysis.scores import Scores
from dr_lightning.analysis.significance import Difference
from dr_lightning.analysis.table import Table

TESTS = (
    "Two-sided paired tests over queries, after seeds were averaged; over several "
    "collections each counts the same. p is that of the randomisation test (20,000 "
    "sign flips), Holm's is adjusted for all claims of the family, the t test's is "
    "there to compare. A claim holds at 5% if Holm's p is at most 0.05 and the "
    "difference lies on its side; on the other side it is false; else it is open."
)
NO_FAMILY = (
    "No p values: name the comparisons that you planned, such as "
    "--family '[kl > base]'. An interval that leaves out 0 is no test where many are "
    "looked at."
)
HOW_TO_READ = (
    "Difference: from the base, query by query, with the 95% bootstrap interval over "
    "queries, and how many they are where it is not all. Detectable: the smallest true "
    "difference that a two-sided test at 5% finds in 80 of 100 cases, 2.80 standard "
    "errors. Queries that gained, stayed the same and lost. Seeds: runs that are "
    "averaged; ± their standard deviation."
)

VALIDATION = (
    "Validation: queries of the loop, by which runs may have selected weights or "
    "stopped. What was selected by them looks better on them than it is: a gain or a "
    "claim there is no test."
)


def reading(scores: Scores, has_claims: bool) -> list[str]:
    """How to read the tables at hand, in lines.

    Args:
        scores: What `scores` gave.
        has_claims: Whether a family was tested.
    """
    has_validation = set(scores.collections) > set(scores.tests)
    told = {HOW_TO_READ: True, VALIDATION: has_validation, NO_FAMILY: not has_claims}
    return [text for text, is_wanted in told.items() if is_wanted]


def effectiveness(scores: Scores, rows: Sequence[Row], collection: str) -> Table:
    """Base, runs and teacher on a collection.

    Args:
        scores: What `scores` gave.
        rows: What `compare` gave.
        collection: The collection, or `POOLED`.
    """
    own = [row for row in rows if row.collection == collection]
    seeds = any(row.seeds > 1 for row in own)
    return Table(
        title=(
            f"{scores.label(collection)}: {scores.judged(collection):,} judged queries"
        ),
        columns=[
            "system",
            *(["seeds"] if seeds else []),
            scores.measure,
            f"difference in {scores.measure} (95%)",
            "gained / same / lost",
            "detectable",
            *scores.measures[1:],
        ],
        rows=[_cells(row, scores, seeds) for row in own],
    )


def family(found: Sequence[Tested], measure: str) -> Table:
    """The claims of the family.

    Args:
        found: What `assess` gave.
        measure: The measure compared by.
    """
    return Table(
        title=f"Family of {len(found)}, {measure}",
        columns=[
            "claim",
            "difference (95%)",
            "p",
            "p (Holm)",
            "p (t test)",
            "gained / same / lost",
            "detectable",
        ],
        rows=[
            [
                str(one.claim),
                _interval(one.difference, one.judged),
                p_value(one.p),
                f"{p_value(one.holm)} ({one.verdict})",
                p_value(one.t),
                changes(one.difference),
                f"{one.difference.detectable:.4f}",
            ]
            for one in found
        ],
        note=TESTS,
    )


def groups(found: Mapping[str, Sequence[Group]], title: str, measure: str) -> Table:
    """A system's gain in each group of queries.

    Args:
        found: Groups of each system.
        title: What groups them.
        measure: The measure compared by.
    """
    return Table(
        title=title,
        columns=["system", "queries", "number", "base", measure, "difference (95%)"],
        rows=[
            [
                name,
                group.label,
                f"{group.queries:,}",
                f"{group.before:.4f}",
                f"{group.after:.4f}",
                interval(group.difference),
            ]
            for name, several in found.items()
            for group in several
        ],
        texts=2,
    )


def agreement(found: Sequence[Agreement], collection: str, measure: str) -> Table:
    """Rank correlation with the teacher, beside effectiveness.

    Args:
        found: What `agreements` gave.
        collection: The collection, as titles name it.
        measure: The measure compared by.
    """
    return Table(
        title=f"Agreement with the teacher on {collection}",
        columns=["system", "teacher", "Kendall's tau", "queries", "passages", measure],
        rows=[
            [
                one.name,
                one.teacher,
                f"{one.tau:+.3f}",
                f"{one.queries:,}",
                f"{one.passages:.1f}",
                f"{one.value:.4f}",
            ]
            for one in found
        ],
        note=(
            "Mean over queries of Kendall's tau-b between the system's scores and the "
            "teacher's, on the passages that both ranked: 1 = the same order, 0 = "
            "unrelated. Passages: such passages a query."
        ),
        texts=2,
    )


def p_value(p: float) -> str:
    """A p value; what is below the reach of 20,000 flips is told so.

    Example:
        >>> p_value(0.0371), p_value(0.00005)
        ('0.037', '< 0.001')
    """
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _cells(row: Row, scores: Scores, seeds: bool) -> list[str]:
    spread = "" if row.spread is None else f" ± {row.spread:.4f}"
    means = [row.means[measure] for measure in scores.measures]
    told = ["" if mean is None else f"{mean:.4f}" for mean in means]
    found = row.difference
    return [
        row.name,
        *([str(row.seeds or "")] if seeds else []),
        told[0] + spread,
        _interval(found, scores.judged(row.collection)),
        changes(found),
        "" if found is None else f"{found.detectable:.4f}",
        *told[1:],
    ]


def _interval(found: Difference | None, judged: int) -> str:
    """With the number of queries where these are not all."""
    if found is None or found.queries == judged:
        return interval(found)
    return f"{interval(found)}; {found.queries:,} queries"


def interval(found: Difference | None) -> str:
    """A difference with its interval; empty without one.

    Example:
        >>> interval(Difference(0.0214, -0.01, 0.05, 0.04, 3, 2, 1))
        '+0.0214 (-0.0100 to +0.0500)'
    """
    if found is None:
        return ""
    return f"{found.mean:+.4f} ({found.low:+.4f} to {found.high:+.4f})"


def changes(found: Difference | None) -> str:
    """Queries that gained, stayed the same and lost; empty without a difference.

    Example:
        >>> changes(Difference(0.0214, -0.01, 0.05, 0.04, 3, 2, 1))
        '3 / 2 / 1'
    """
    return "" if found is None else f"{found.gained} / {found.same} / {found.lost}"

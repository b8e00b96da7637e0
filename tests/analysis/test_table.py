"""A table in a terminal of 80 columns."""

from io import StringIO

import pytest
from rich.console import Console

from dr_lightning.analysis.table import Table

NUMBERS = ["+0.0327 (+0.0009 to +0.0730)", "104 / 25 / 96", "0.0528"]
COMPARED = Table(
    "dev (validation): 39 judged queries",
    [
        "system",
        "nDCG@10",
        "difference in nDCG@10 (95%)",
        "gained / same / lost",
        "detectable",
        "R@100",
        "RR@10",
    ],
    [
        [f"{name} selected = last", "0.9228", *NUMBERS, "1.0000", "0.8968"]
        for name in ("kl", "infonce_masked", "kl_and_infonce")
    ],
)
CLAIMS = Table(
    "Family of 1, nDCG@10",
    [
        "claim",
        "difference (95%)",
        "p",
        "p (Holm)",
        "p (t test)",
        "gained / same / lost",
        "detectable",
    ],
    [
        [
            "kl_and_infonce selected = last > infonce_masked selected = last on pydocs",
            NUMBERS[0],
            "< 0.001",
            "< 0.001 (false)",
            "< 0.001",
            *NUMBERS[1:],
        ],
        [
            "mean_with_bm25 selected = last > default selected = last on pydocs",
            "-0.0821 (-0.1066 to -0.0591)",
            "< 0.001",
            "< 0.001 (false)",
            "< 0.001",
            "44 / 135 / 112",
            "0.0338",
        ],
    ],
)


def test_rather_than_a_number_a_name_is_broken() -> None:
    numbers = ["0.2405", "+0.0345 (+0.0139 to +0.0552)", "83 / 170 / 38", "0.0295"]
    row = ["paraphrase_l3_longer_infonce selected", *numbers, "0.6289", "0.2581"]
    console = Console(file=StringIO(), width=80)
    console.print(Table("t", COMPARED.columns, [row]).rich(80))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    told = {"0.2405", "+0.0345", "(+0.0139", "+0.0552)", "83/170/38", "0.0295"}
    assert told | {"0.6289", "0.2581", "RR@10"} <= set(shown.split())


@pytest.mark.parametrize("table", [COMPARED, CLAIMS], ids=["compared", "claims"])
def test_eighty_columns_break_no_name_and_no_number(table: Table) -> None:
    console = Console(file=StringIO(), width=80)
    console.print(table.rich(80))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    cells = [cell.replace(" / ", "/") for row in table.rows for cell in row]
    for word in " ".join(cells).split():
        assert word in shown.split(), word


def test_a_long_name_is_broken_and_not_cut() -> None:
    name = "a_name_of_more_than_twenty_characters"
    console = Console(file=StringIO(), width=80)
    console.print(Table("t", COMPARED.columns, [[name, *[""] * 6]]).rich(80))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert name in "".join(line.split(" ")[0] for line in shown.splitlines())

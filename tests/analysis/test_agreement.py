"""Kendall's tau of a student with its teacher, beside plain loops."""

from itertools import combinations
from math import sqrt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dr_lightning import artefacts, schemas
from dr_lightning.analysis.agreement import agreements, taus
from dr_lightning.analysis.judged import Judged
from dr_lightning.analysis.results import load
from dr_lightning.analysis.scores import scores
from tests.run_folders import write_evaluation

Lists = dict[str, dict[str, float]]


def ranking(folder: Path, name: str, lists: Lists) -> Judged:
    """A ranking with these scores of each query's passages."""
    rows = {
        query: sorted(own.items(), key=lambda pair: -pair[1])
        for query, own in lists.items()
    }
    frame = pl.DataFrame(
        {
            "query_id": list(rows),
            "passage_id": [[p for p, _ in row] for row in rows.values()],
            "score": [[s for _, s in row] for row in rows.values()],
        }
    )
    file = folder / f"{name}.parquet"
    manifest = artefacts.Manifest(stage="test")
    artefacts.write(frame, file, schemas.RUN, manifest, overwrite=True)
    return Judged(file, "scifact", "test", name, "other", "base")


def tau_b(one: list[float], other: list[float]) -> float:
    """(concordant - discordant) / sqrt(pairs untied in one x pairs untied in other)."""
    agree = untied_one = untied_other = 0
    for i, j in combinations(range(len(one)), 2):
        a, b = np.sign(one[i] - one[j]), np.sign(other[i] - other[j])
        agree += int(a * b)
        untied_one += int(a != 0)
        untied_other += int(b != 0)
    return agree / sqrt(untied_one * untied_other)


def test_tau_is_that_of_plain_loops_over_the_passages_of_both(tmp_path: Path) -> None:
    generator = np.random.default_rng(4)
    ids = [f"p{number}" for number in range(12)]
    # Halves, exact in float32, so that there are ties.
    draws = generator.integers(0, 8, (2, 5, 12)) / 2
    student, teacher = (
        {f"q{q}": dict(zip(ids, row, strict=True)) for q, row in enumerate(side)}
        for side in draws
    )
    for own in student.values():
        del own["p0"]
    for own in teacher.values():
        del own["p1"], own["p2"]
    found = taus(
        ranking(tmp_path, "student", student), ranking(tmp_path, "teacher", teacher)
    )
    shared = ids[3:]
    expected = [
        tau_b([student[q][p] for p in shared], [teacher[q][p] for p in shared])
        for q in found["query_id"]
    ]
    assert len(found) == 5
    assert found["tau"].to_list() == pytest.approx(expected)
    assert found["passages"].unique().to_list() == [9]


def test_queries_without_an_order_are_left_out(tmp_path: Path) -> None:
    student = {"one": {"a": 1.0}, "none": {"z": 1.0}, "tied": {"a": 1.0, "b": 1.0}}
    teacher = {name: {"a": 2.0, "b": 1.0} for name in [*student, "missing"]}
    found = taus(
        ranking(tmp_path, "student", student), ranking(tmp_path, "teacher", teacher)
    )
    assert found.is_empty()


def test_every_system_is_beside_the_teacher(tmp_path: Path) -> None:
    """The folder's ranking puts a first where the value is above 0.5, b elsewhere."""
    systems = {"base": [0.1, 0.9], "fitted": [0.9, 0.2], "teacher": [0.6, 0.3]}
    write_evaluation(tmp_path, systems)
    results = load([tmp_path])
    found = agreements(scores(results), results.judged, "scifact")
    told = {
        one.name: (one.tau, one.queries, one.passages, round(one.value, 6))
        for one in found
    }
    assert told == {
        "base": (-1.0, 2, 2.0, 0.5),
        "fitted": (1.0, 2, 2.0, 0.55),
    }


def test_a_system_without_the_measure_is_left_out(tmp_path: Path) -> None:
    systems = {"base": [0.1, 0.9], "kl": [0.2, 0.8], "teacher": [1.0, 1.0]}
    values = write_evaluation(tmp_path, systems) / "run-1.per_query.parquet"
    pl.read_parquet(values).drop("nDCG@10").write_parquet(values)
    results = load([tmp_path])
    found = agreements(scores(results), results.ends, "scifact")
    assert [one.name for one in found] == ["base"]


@pytest.mark.parametrize(
    ("name", "is_bound"),
    [
        ("teacher", True),
        ("teacher_bm25", True),
        ("teacher-2", True),
        ("teacher (MonoT5)", True),
        ("teachers_pet", False),
        ("teacherless", False),
        ("my_teacher", False),
    ],
)
def test_a_bound_is_told_by_its_name(tmp_path: Path, name: str, is_bound: bool) -> None:
    write_evaluation(tmp_path, {"base": [0.1, 0.9], name: [0.2, 0.8]})
    checkpoints = {one.system: one.checkpoint for one in load([tmp_path]).ends}
    assert checkpoints[name] == ("teacher" if is_bound else "other")

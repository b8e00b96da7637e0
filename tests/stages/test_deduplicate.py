"""`deduplicate` through the command line: what stays, what goes and why."""

import json
from pathlib import Path

import polars as pl
import pytest

from dr_lightning import artefacts, schemas
from dr_lightning.cli import main

# In corpus order: two equal ones, one that begins the next, a short one, three others.
TEXTS = {
    "first": "Bread rises slowly, overnight.",
    "again": "bread rises slowly overnight",
    "piece": "The river rises",
    "whole": "the river rises in the north",
    "short": "2020!",
    "coins": "coins of silver are old",
    "piano": "a piano has many strings",
    "north": "winds blow from the north",
}
DUPLICATES = [
    ("first", "equal", "again"),
    ("piece", "contained", "whole"),
    ("short", "too_short", None),
]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    frame = pl.DataFrame(
        {"passage_id": list(TEXTS), "title": "", "text": list(TEXTS.values())}
    )
    path = tmp_path / "corpus.parquet"
    artefacts.write(frame, path, schemas.CORPUS, artefacts.Manifest(stage="test"))
    return path


def deduplicate(corpus: Path, *options: str) -> tuple[list[str], pl.DataFrame]:
    """Ids that stay, and what was dropped; every passage is in one of the two."""
    out = corpus.parent / "out"
    main(["deduplicate", f"--corpus={corpus}", f"--out={out}", *options])
    kept = artefacts.read(out / "corpus.parquet", schemas.CORPUS)
    dropped = artefacts.read(out / "dropped.parquet", schemas.DROPPED)
    both = pl.concat([kept["passage_id"], dropped["passage_id"]])
    assert sorted(both) == sorted(artefacts.read(corpus, schemas.CORPUS)["passage_id"])
    return kept["passage_id"].to_list(), dropped


def hold_out(corpus: Path, *ids: str) -> str:
    path = corpus.parent / "held_out.txt"
    path.write_text("\n".join(ids) + "\n\n")
    return f"--held_out={path}"


def test_duplicates_are_dropped_with_reason_and_representative(corpus: Path) -> None:
    kept, dropped = deduplicate(corpus)
    assert kept == ["again", "whole", "coins", "piano", "north"]
    assert dropped.rows() == DUPLICATES


def test_the_manifest_counts_each_reason(corpus: Path) -> None:
    deduplicate(corpus, hold_out(corpus, "north"), "--sample=2")
    beside = corpus.parent / "out" / "dropped.manifest.json"
    manifest = json.loads(beside.read_text())
    assert manifest["dropped"] == {
        "not_sampled": 2,
        "too_short": 1,
        "held_out": 1,
        "equal": 1,
        "contained": 1,
    }
    assert manifest["counts"] == {"read": 8, "written": 2}
    assert manifest["settings"]["rules"]["neighbours"] == 9
    assert set(manifest["inputs"]) == {"corpus", "held_out"}


def test_rules_can_be_off_or_exact_alone(corpus: Path) -> None:
    kept, _ = deduplicate(corpus, "--rules.compare=off")
    assert kept == list(TEXTS)
    options = ("--rules.compare=exact", "--overwrite=true")
    assert deduplicate(corpus, *options)[1].rows() == [DUPLICATES[0], DUPLICATES[2]]


def test_the_title_is_part_of_what_is_compared(tmp_path: Path) -> None:
    text = "the same words in both"
    frame = pl.DataFrame(
        {"passage_id": ["a", "b"], "title": ["Zip", "Tar"], "text": [text, text]}
    )
    path = tmp_path / "corpus.parquet"
    artefacts.write(frame, path, schemas.CORPUS, artefacts.Manifest(stage="test"))
    assert deduplicate(path)[0] == ["a", "b"]
    options = ("--template={text}", "--overwrite=true")
    assert deduplicate(path, *options)[0] == ["b"]


def test_held_out_passages_go_and_take_their_duplicates_along(corpus: Path) -> None:
    kept, dropped = deduplicate(corpus, hold_out(corpus, "again", "piece", "coins"))
    assert kept == ["whole", "piano", "north"]
    assert dropped.rows() == [
        ("first", "equal", "again"),
        ("again", "held_out", None),
        ("piece", "held_out", None),
        ("short", "too_short", None),
        ("coins", "held_out", None),
    ]


def test_a_sample_depends_on_the_seed_alone_and_keeps_the_order(corpus: Path) -> None:
    kept, dropped = deduplicate(corpus, "--sample=3")
    assert len(kept) == 3
    assert kept == [name for name in TEXTS if name in kept]
    others = dropped.filter(pl.col("reason") == "not_sampled")
    assert len(others) == 2
    assert others["representative_id"].null_count() == 2
    again = "--overwrite=true"
    assert deduplicate(corpus, "--sample=3", again)[0] == kept
    drawn = {
        tuple(deduplicate(corpus, "--sample=3", f"--seed={seed}", again)[0])
        for seed in range(8)
    }
    assert len(drawn) > 1


@pytest.mark.parametrize("sample", ["5", "null"])
def test_a_sample_of_all_drops_nothing(corpus: Path, sample: str) -> None:
    assert deduplicate(corpus, f"--sample={sample}")[1].rows() == DUPLICATES


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (["--sample=0"], "sample must be at least 1, or null for all"),
        (["--template={title}"], "template must contain"),
        (["--rules.min_characters=100"], "no passage is left of 8 .8 too_short"),
        (["--held_out=nowhere.txt"], "nowhere.txt: no such file"),
    ],
)
def test_wrong_options_are_refused(
    corpus: Path, options: list[str], match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        deduplicate(corpus, *options)
    assert not (corpus.parent / "out").exists()


def test_ids_to_hold_out_must_be_in_the_corpus(corpus: Path) -> None:
    with pytest.raises(
        ValueError, match=r"1 of 2 ids to hold out are not in .* 'cion'"
    ):
        deduplicate(corpus, hold_out(corpus, "coins", "cion"))


def test_an_output_that_exists_is_not_replaced(corpus: Path) -> None:
    deduplicate(corpus)
    with pytest.raises(ValueError, match=r"corpus\.parquet exists"):
        deduplicate(corpus)


def test_the_log_line_tells_counts_and_reasons(
    corpus: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        deduplicate(corpus)
    assert "deduplicate: 8 -> 5 passages" in caplog.messages[-1]
    assert "1 too_short, 1 equal, 1 contained" in caplog.messages[-1]

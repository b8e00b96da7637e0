"""The commands that repeat runs, evaluations and the report."""

import json
import shlex
from pathlib import Path

import pytest
import yaml

from dr_lightning.analysis.results import load
from dr_lightning.analysis.run_section import runs
from tests.run_folders import write_evaluation, write_run, write_values

BASE, END = [0.2, 0.4, 0.6], [0.4, 0.4, 0.9]
COLLECTION = {
    "name": "tiny",
    "corpus": "corpus.parquet",
    "queries": "queries.parquet",
    "qrels": "qrels.parquet",
    "drop_identical": True,
}


def commands(folder: Path) -> list[list[str]]:
    """Without `python -m dr_lightning`."""
    told = runs(load([folder]), ["report", "all"]).commands
    return [shlex.split(line)[3:] for line in told]


def test_each_evaluation_names_its_base(tmp_path: Path) -> None:
    """Though equal bases are judged once, the base of every seed is written down."""
    for seed in (1, 2):
        run = write_run(tmp_path / f"s{seed}", {0: BASE, 4: END}, seed=seed)
        out = write_evaluation(run / "test", {"base": BASE, "last": END})
        for number, source in enumerate(({"models": "mini"}, {"runs": f"{seed}.trec"})):
            settings = {
                "system": ("base", "last")[number],
                "source": source,
                "measures": ["nDCG@10", "R@100"],
                "collection": COLLECTION,
            }
            write_values(out / f"run-{number}.parquet", (BASE, END)[number], settings)
    told = [one for one in commands(tmp_path) if one[0] == "evaluate"]
    assert told == [
        [
            "evaluate",
            "--collection.name=tiny",
            "--collection.corpus=corpus.parquet",
            "--collection.queries=queries.parquet",
            "--collection.qrels=qrels.parquet",
            "--collection.drop_identical=true",
            "--measures=[nDCG@10, R@100]",
            "--models=[base=mini]",
            f"--runs=[last={seed}.trec]",
            f"--out={tmp_path / f's{seed}' / 'test'}",
            "--overwrite=true",
        ]
        for seed in (1, 2)
    ]


@pytest.mark.parametrize("version", [None, "", "seed-1"])
def test_a_run_is_repeated_beside_its_own_folder(
    tmp_path: Path, version: str | None
) -> None:
    """A version that the config fixes would be that of the run again."""
    config = write_run(tmp_path, {0: BASE, 4: END}) / "config.yaml"
    settings = yaml.safe_load(config.read_text("utf-8"))
    settings["trainer"]["logger"]["init_args"]["version"] = version
    config.write_text(json.dumps(settings), "utf-8")  # JSON is YAML
    added = [] if version is None else ["--trainer.logger.init_args.version", "null"]
    assert commands(tmp_path)[0] == ["fit", "--config", str(config), *added]

"""Every YAML under configs/: its header tells the truth, and it parses and runs."""

import re
import runpy
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonargparse import auto_cli
from lightning.pytorch import Trainer

from dr_lightning.cli import main
from dr_lightning.sweep.cells import cells
from dr_lightning.sweep.options import read
from tests.tiny_data import write_tiny
from tests.tiny_options import ON_CPU, as_options, tiny_options

ROOT = Path(__file__).parent.parent
CONFIGS = ROOT / "configs"
# Files that hold all options of a command: by its folder, or by the end of its name.
COMMANDS = {name: name for name in ("generate", "retrieve", "specialize")}
COMMANDS |= {"findings": "sweep"}
WHOLE = sorted(
    {
        path
        for folder, name in COMMANDS.items()
        for path in [
            *CONFIGS.rglob(f"{folder}/*.yaml"),
            *CONFIGS.glob(f"*/*_{name}.yaml"),
        ]
    }
)
EXPERIMENTS = sorted({*CONFIGS.glob("experiment/*.yaml")} - {*WHOLE})
# What such a file needs besides to run on tiny data: {chat} is a tiny chat model.
NEEDS: dict[str, dict[str, str]] = {
    "generate/extractive": {},
    "generate/huggingface": {"engine.model": "{chat}", "part_queries": "500"},
}
# A stage and the key of it whose value a part file is, by the part's folder.
STAGE_KEYS = {"teacher": ("score", "teacher")}
STAGE_PARTS = sorted(path for name in STAGE_KEYS for path in CONFIGS.glob(f"{name}/*"))
PARTS = sorted({*CONFIGS.rglob("*.yaml")} - {*EXPERIMENTS, *WHOLE, *STAGE_PARTS})
# The key of `fit` whose value a part file is, by the part's folder.
KEYS = {
    "add": "trainer.callbacks+",
    "callbacks": "trainer.callbacks",
    "data": "data",
    "encoder": "model.encoder",
    "model": "model",
    "objective": "model.objective",
    "optimizer": "model.optimizer",
    "trainer": "trainer",
}
BASE = CONFIGS / "experiment" / "scifact_both.yaml"

each_yaml = pytest.mark.parametrize(
    "path",
    EXPERIMENTS + PARTS + WHOLE + STAGE_PARTS,
    ids=lambda p: f"{p.parent.name}/{p.stem}",
)
each_experiment = pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda p: p.stem)


def header(path: Path) -> dict[str, str]:
    """The comment above the settings: purpose, before, run, try."""
    lines = []
    for line in path.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    parts = re.split(r"\b(Before|Run|Try):", " ".join(lines))
    names = ["purpose", *(name.lower() for name in parts[1::2])]
    return dict(zip(names, (text.strip() for text in parts[::2]), strict=True))


def command(path: Path) -> list[str]:
    """Options that make `fit` use a YAML: an experiment, or a part put into one."""
    if path in EXPERIMENTS:
        return ["fit", "--config", str(path)]
    return ["fit", "--config", str(BASE), f"--{KEYS[path.parent.name]}", str(path)]


@pytest.fixture
def tiny(tmp_path: Path, tiny_encoder_dir: Path) -> dict[str, str]:
    return tiny_options(tmp_path, tiny_encoder_dir)


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], Any]:
    """Runs `fit` up to the call of the Trainer and returns it, fully set up."""
    seen: list[Any] = []

    def remember(trainer: Trainer, model: Any, **_: Any) -> None:
        seen.append(trainer)

    monkeypatch.setattr(Trainer, "fit", remember)

    def parse(arguments: list[str]) -> Any:
        main(arguments)
        return seen[-1]

    return parse


@pytest.mark.parametrize("name", NEEDS)
def test_a_stage_s_config_runs_on_tiny_data(
    name: str, tmp_path: Path, tiny_chat_dir: Path
) -> None:
    corpus = write_tiny(tmp_path) / "corpus.parquet"
    out = tmp_path / "out.parquet"
    needs = {k: v.format(chat=tiny_chat_dir) for k, v in NEEDS[name].items()}
    told = needs | {"corpus": str(corpus), "out": str(out)}
    path = CONFIGS / f"{name}.yaml"
    main([path.parent.name, "--config", str(path), *as_options(told)])
    assert out.is_file()


def test_every_folder_of_parts_has_a_key() -> None:
    assert {part.parent.name for part in PARTS} == set(KEYS)


@each_yaml
def test_header_tells_purpose_need_command_and_override(path: Path) -> None:
    told = header(path)
    assert list(told) == ["purpose", "before", "run", "try"]
    assert all(told.values())
    assert told["run"].startswith("python -m dr_lightning ")


@pytest.mark.parametrize("path", WHOLE, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_command_s_config_is_run_by_it(path: Path) -> None:
    named = path.stem.rpartition("_")[2]
    command = COMMANDS.get(path.parent.name, named)
    given = f"{command} --config {path.relative_to(ROOT)}"
    assert header(path)["run"].startswith(f"python -m dr_lightning {given}")


@pytest.mark.parametrize(
    "path", sorted(CONFIGS.glob("experiment/findings/*.yaml")), ids=lambda p: p.stem
)
def test_every_cell_of_a_sweep_is_a_config_of_fit(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("configs").symlink_to(CONFIGS)
    for text in [path, *CONFIGS.glob("data/*.yaml")]:  # whose files must be there
        for name in re.findall(r"[\w./-]+\.parquet", text.read_text("utf-8")):
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).touch()
    settings = {"options": {}} | yaml.safe_load(path.read_text("utf-8"))
    settings["seeds"] = [13]
    made = cells(settings)
    assert [cell.name for cell in made] == list(settings["cells"])
    bodies = [
        cell.config | {"trainer": cell.config["trainer"] | {"logger": None}}
        for cell in made
    ]
    assert all(bodies.count(body) == 1 for body in bodies), "two cells are the same"
    assert read(["--config", str(path)])["family"] == settings["family"]


def test_make_findings_runs_every_table_with_commands_that_parse(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All that it would run on a new clone; `-B` takes nothing for made."""
    monkeypatch.chdir(ROOT)
    make = ["make", "-B", "--dry-run", "findings", "BEIR=beir"]
    told = subprocess.run(make, check=True, capture_output=True, text=True).stdout
    lines = told.replace("\\\n", " ").splitlines()
    calls = [shlex.split(line.partition(" -m dr_lightning ")[2]) for line in lines]
    calls = [call for call in calls if call]
    for call in calls:
        with pytest.raises(SystemExit) as stop:
            main([*call, "--print_config"])
        assert stop.value.code == 0, call
    cuts = [line.partition("cut_lists.py ")[2] for line in lines]
    functions = runpy.run_path("data/findings/cut_lists.py")
    for call in filter(None, map(shlex.split, cuts)):
        options = [*call[1:], "--print_config"]
        with pytest.raises(SystemExit) as stop:
            auto_cli(functions[call[0]], options, as_positional=False)
        assert stop.value.code == 0, call
    tables = [call[2] for call in calls if call[0] == "sweep"]
    found = CONFIGS.glob("experiment/findings/*.yaml")
    assert sorted(tables) == sorted(str(path.relative_to(ROOT)) for path in found)
    written = [call[call.index("--out") + 1] for call in calls if "--out" in call]
    assert len(set(written)) == len(written)
    capsys.readouterr()


@each_yaml
def test_paths_in_the_header_exist(path: Path) -> None:
    told = " ".join(header(path).values())
    for name in re.findall(r"configs/\S+\.yaml", told):
        assert (ROOT / name).is_file(), name
    for name in re.findall(r"\.\./\w+/\w+\.yaml", told):
        assert (path.parent / name).is_file(), name


@each_yaml
def test_command_and_override_of_the_header_parse(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    told = header(path)
    run = shlex.split(told["run"].replace("...", ""))[3:]
    override = shlex.split(told["try"].split("where")[0].replace("...", ""))
    if run[0] == "fit":
        base = [] if "--config" in run else ["--config", str(BASE)]
        arguments = ["fit", *base, *run[1:], *override, "--print_config"]
    else:
        arguments = [*run, *override, "--print_config"]
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize(
    "path", STAGE_PARTS, ids=lambda part: f"{part.parent.name}/{part.stem}"
)
def test_every_part_of_a_stage_is_a_value_of_its_key(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, key = STAGE_KEYS[path.parent.name]
    with pytest.raises(SystemExit) as stop:
        main([stage, f"--{key}", str(path), "--print_config"])
    assert stop.value.code == 0
    printed = yaml.safe_load(capsys.readouterr().out)[key]
    part = yaml.safe_load(path.read_text("utf-8"))
    assert printed["class_path"].endswith(f".{part['class_path']}")
    assert part.get("init_args", {}).keys() <= printed["init_args"].keys()


@pytest.mark.parametrize(
    "path", PARTS, ids=lambda part: f"{part.parent.name}/{part.stem}"
)
def test_every_part_is_instantiated(
    path: Path, tiny: dict[str, str], parsed: Callable[[list[str]], Any]
) -> None:
    trainer = parsed([*command(path), *as_options(tiny | ON_CPU)])
    assert trainer.callbacks


@each_experiment
@pytest.mark.filterwarnings("ignore:batches of .* queries are cut to 4")
def test_every_experiment_trains(
    path: Path, tiny: dict[str, str], tmp_path: Path
) -> None:
    main([*command(path), *as_options(tiny | ON_CPU | {"trainer.max_steps": "1"})])
    folder = tmp_path / "runs" / "run" / "version_0"
    written = {file.name for file in folder.iterdir()}
    assert {"config.yaml", "metrics.csv", "run.json", "model"} <= written
    saved = {file.name for file in (folder / "checkpoints").iterdir()}
    assert "last.ckpt" in saved
    assert saved & {"step-0.ckpt", "step-1.ckpt"}


@pytest.mark.parametrize("name", ["bge", "gte", "arctic", "e5"])
def test_paper_experiments_hold_the_paper_s_constants(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """ArXiv 2502.19712: whatever the defaults become, these runs keep its numbers."""
    path = CONFIGS / "experiment" / f"paper_{name}.yaml"
    with pytest.raises(SystemExit):
        main([*command(path), "--print_config"])
    config = yaml.safe_load(capsys.readouterr().out)
    trainer, model = config["trainer"], config["model"]
    assert (trainer["max_epochs"], trainer["gradient_clip_val"]) == (30, 1.0)
    assert trainer["precision"] == "bf16-mixed"
    optimizer = model["optimizer"]["init_args"]
    assert (optimizer["lr"], optimizer["weight_decay"]) == (2e-4, 0.01)
    schedule = {"warmup_epochs": 0.5, "warmup_steps": 10, "warmup_share": 0.2}
    assert model["schedule"] in (None, {**schedule, "decay_epochs": 30, "floor": 0.1})
    objective = model["objective"]["init_args"]
    listwise, contrastive = (part["init_args"] for part in objective["objectives"])
    assert objective["weights"] == [1.0, 0.1]
    assert listwise["student_temperature"] == 0.05
    assert listwise["teacher_temperature"] == 0.3
    assert listwise["scope"] == "list"
    assert contrastive["temperature"] == 0.01
    assert contrastive["false_negative_ratio"] == 0.6
    encoder = model["encoder"]["init_args"]
    assert encoder["dropout"] == 0
    assert encoder["query"]["max_tokens"] == 64
    assert encoder["passage"]["max_tokens"] == 512
    batching = config["data"]["init_args"]["batching"]
    assert batching["order"]["init_args"]["size"] == 4096
    assert batching["sampling"] == {"length": 20, "method": "top"}


@pytest.mark.parametrize(
    ("name", "pooling", "query", "passage"),
    [
        ("bge", "cls", "Represent this sentence for searching relevant passages: ", ""),
        ("gte", "cls", "", ""),
        (
            "arctic",
            "cls",
            "Represent this sentence for searching relevant passages: ",
            "",
        ),
        ("e5", "mean", "query: ", "passage: "),
    ],
)
def test_encoders_of_the_paper_pool_and_prompt_as_published(
    name: str, pooling: str, query: str, passage: str
) -> None:
    part = yaml.safe_load((CONFIGS / "encoder" / f"{name}.yaml").read_text("utf-8"))
    settings = part["init_args"]
    assert settings["pooling"] == pooling
    assert settings["query"]["prompt"] == query
    assert settings["passage"]["prompt"] == passage

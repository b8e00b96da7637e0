"""The command line as a person meets it: help, speed, and errors without traceback."""

import resource
import subprocess
import sys
from importlib import import_module
from io import StringIO
from pathlib import Path

import pytest

from dr_lightning import __version__
from dr_lightning.cli import POSITIONAL, RESULTS, STAGES, VERBS, main

MODULE = [sys.executable, "-m", "dr_lightning"]
HELP_SECONDS = 1.5
FUNCTIONS = STAGES | RESULTS
COLLECTION = [
    "--collection.name=c",
    "--collection.corpus=c.parquet",
    "--collection.queries=q.parquet",
    "--collection.qrels=r.parquet",
]


def told(*args: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command prints before it ends well."""
    with pytest.raises(SystemExit) as stop:
        main(args)
    assert stop.value.code == 0
    return capsys.readouterr().out


def shell(*args: str) -> subprocess.CompletedProcess[str]:
    """Runs a command as from a shell."""
    return subprocess.run(
        [*MODULE, *args], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("args", [[], ["-h"], ["--help"]])
def test_help_lists_every_command_with_a_line(
    args: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(args)
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    for name, text in (VERBS | FUNCTIONS).items():
        assert [line for line in lines if line.split() == [name, *text.split()]], name


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_stage_s_line_is_the_first_of_its_docstring(name: str) -> None:
    function = getattr(import_module(f"dr_lightning.stages.{name}"), name)
    assert function.__doc__.splitlines()[0] == FUNCTIONS[name]


def test_every_stage_is_a_command() -> None:
    folder = Path(__file__).parent.parent / "dr_lightning" / "stages"
    assert {file.stem for file in folder.glob("*.py")} - {"__init__"} == set(FUNCTIONS)


def test_help_is_quick() -> None:
    """CPU seconds of the child, the best of three: others may keep the machine busy."""
    taken = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert shell("--help").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(
            after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        )
    assert min(taken) < HELP_SECONDS


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from dr_lightning.cli import main; main(['--help']);"
        "heavy = {'torch', 'transformers', 'lightning', 'polars', 'jsonargparse'};"
        "sys.exit(repr(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--version"])
    assert capsys.readouterr().out == f"{__version__}\n"


@pytest.mark.parametrize("name", VERBS)
def test_help_of_a_verb_names_config_and_model(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = told(name, "--help", capsys=capsys)
    assert "--config" in text
    assert "--model.encoder" in text


@pytest.mark.parametrize("name", FUNCTIONS)
def test_help_of_a_stage_is_its_docstring(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = " ".join(told(name, "--help", capsys=capsys).split())
    assert FUNCTIONS[name] in text
    assert "Args:" not in text
    function = getattr(import_module(f"dr_lightning.stages.{name}"), name)
    unnamed = {"return", POSITIONAL.get(name, ("",))[0]}
    for option in set(function.__annotations__) - unnamed:
        assert f"--{option}" in text, option


def test_an_unknown_command_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["fitt"])
    assert stop.value.code == 2
    assert "no command 'fitt'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["retrieve", "--corpus", "c.parquet"], "encoder"),
        (["curate", "--queries", "q.parquet", "--depht", "3"], "depht"),
        (["curate", "--queries", "q.parquet", "--out", "o", "--seed", "x"], "seed"),
        (["fit", "--config", "nowhere.yaml"], "nowhere.yaml"),
        (["fit", "--model.encoder", "NoSuchEncoder"], "NoSuchEncoder"),
    ],
)
def test_a_wrong_option_is_named(
    args: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(args)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["nonsense"], "no command 'nonsense'"),
        (["ingest", "--source", "nowhere", "--out", "{out}"], "nowhere"),
        (["evaluate", *COLLECTION, "--runs=[run.trec]"], "q.parquet: no such file"),
        (["export", "--checkpoint", "nowhere.ckpt", "--out", "{out}"], "no such"),
    ],
)
@pytest.mark.slow
def test_an_error_ends_in_a_line_without_traceback(
    args: list[str], message: str, tmp_path: Path
) -> None:
    done = shell(*(arg.format(out=tmp_path / "out") for arg in args))
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.parametrize("call", ["first", "second"])
def test_each_call_s_messages_go_to_its_own_standard_error(
    call: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As a notebook's or a progress bar's, which is another one each time."""
    (tmp_path / "corpus.jsonl").write_text('{"_id": "1", "text": "a"}\n', "utf-8")
    error = StringIO()
    monkeypatch.setattr("sys.stderr", error)
    main(["ingest", "--source", str(tmp_path), "--out", str(tmp_path / call)])
    assert "ingest: corpus 1 -> 1" in error.getvalue()


def test_an_interrupt_ends_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dr_lightning.cli._run", interrupt)
    monkeypatch.setattr("sys.argv", ["dr_lightning", "ingest"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 130
    assert capsys.readouterr().err == "\ninterrupted\n"

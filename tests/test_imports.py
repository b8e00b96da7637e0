"""Imports point down only: the rooms of the package, and who may look into whom."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = "dr_lightning"
# From the ground up. A room imports from itself and from lower floors, so rooms of one
# floor do not know each other.
FLOORS = [
    {
        "cache",
        "deduplication",
        "distributed",
        "metrics",
        "objectives",
        "parts",
        "progress",
        "schemas",
        "search",
        "texts",
    },
    {"manifest"},
    {"artefacts"},
    {"trec"},
    {"inputs"},
    {"analysis", "curation"},
    {"models", "sources"},
    {"data", "export", "generation", "retrieval", "scoring"},
    {"candidates", "embeddings"},
    {"callbacks", "stages"},
    {"training"},
    {"steps"},
    {"specialization", "sweep"},
    {"cli"},
    {"__main__"},
]
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
# Objectives are torch alone, so that anyone can lift one out.
OBJECTIVES_MAY_USE = {"torch", "jaxtyping"}


def imports(source: str) -> Iterator[str]:
    """Full names of the modules that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            module = node.module or ""
            inside = [f"{module}.{alias.name}" for alias in node.names]
            yield from inside if module == PACKAGE else [module]


def violations(module: str, source: str) -> list[str]:
    """What a module imports though it may not."""
    room = module.split(".")[1]
    found = []
    for name in imports(source):
        top, _, rest = name.partition(".")
        if top != PACKAGE:
            if room == "objectives" and not _objectives_may_use(top):
                found.append(f"{module}: objectives import torch alone, not {name}")
            continue
        if not rest:  # the package itself: its version
            continue
        other = rest.split(".")[0]
        if room == other == "stages":
            found.append(
                f"{module}: stages meet through files, not by importing {name}"
            )
        elif room != other and FLOOR[other] >= FLOOR[room]:
            found.append(f"{module}: imports {name}, which is not below it")
    return found


def _objectives_may_use(top: str) -> bool:
    return top in OBJECTIVES_MAY_USE or top in sys.stdlib_module_names


def files() -> dict[str, Path]:
    """Modules of the package by name; its own `__init__` apart."""
    found = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts != (PACKAGE, "__init__"):
            found[".".join(parts)] = path
    return found


def test_every_room_has_its_floor() -> None:
    rooms = {module.split(".")[1] for module in files()}
    assert rooms - {"__init__"} == set(FLOOR), "give a new module its floor in FLOORS"


@pytest.mark.parametrize("module", files())
def test_imports_point_down(module: str) -> None:
    assert violations(module, files()[module].read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("module", "source", "message"),
    [
        (
            "dr_lightning.stages.score",
            "from dr_lightning.stages.retrieve import retrieve",
            "meet through files",
        ),
        ("dr_lightning.objectives.new", "import polars", "torch alone"),
        (
            "dr_lightning.objectives.new",
            "def f():\n    from dr_lightning import artefacts",
            "not below",
        ),
        ("dr_lightning.data.batch", "import dr_lightning.callbacks.run", "not below"),
        ("dr_lightning.models.encoder", "from dr_lightning import cli", "not below"),
    ],
)
def test_a_wrong_import_is_found(module: str, source: str, message: str) -> None:
    (found,) = violations(module, source)
    assert message in found


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("dr_lightning.objectives.new", "import math\nfrom torch import Tensor"),
        ("dr_lightning.objectives.new", "from dr_lightning.objectives.block import B"),
        ("dr_lightning.stages.new", "from dr_lightning import artefacts, schemas"),
    ],
)
def test_a_right_import_is_not(module: str, source: str) -> None:
    assert violations(module, source) == []

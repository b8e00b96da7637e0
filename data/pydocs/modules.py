"""The public modules of the standard library, imported without side effects."""

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from types import ModuleType

# Top-level modules that are left out, and why.
# fmt: off
_SKIPPED = frozenset({
    # Do something when they are imported, or need a display.
    "antigravity", "idlelib", "this", "tkinter", "turtle", "turtledemo",
    # Tests, generated tables, parts of an installation.
    "encodings", "ensurepip", "opcode", "pydoc_data", "site", "test", "venv",
    "xxlimited", "xxlimited_35", "xxsubtype",
    # Only on one platform, or only where an optional library was at hand.
    "msilib", "msvcrt", "nis", "nt", "ossaudiodev", "winreg", "winsound",
    # Other names of what `os` and `os.path` document.
    "genericpath", "ntpath", "nturl2path", "posix", "posixpath",
    # Deprecated in 3.11 and gone since; `sre_*` are old names of parts of `re`.
    "aifc", "asynchat", "asyncore", "audioop", "cgi", "cgitb", "chunk", "crypt",
    "distutils", "imghdr", "imp", "lib2to3", "mailcap", "nntplib", "pipes", "smtpd",
    "sndhdr", "spwd", "sre_compile", "sre_constants", "sre_parse", "sunau",
    "telnetlib", "uu", "xdrlib",
})
# fmt: on
# Submodules with the same faults, under their full names or under any parent.
_SKIPPED_SUBMODULES = frozenset(
    {"ctypes.macholib", "dbm.gnu", "dbm.ndbm", "test", "tests"}
)


def public_modules() -> Iterator[tuple[str, ModuleType]]:
    """Yields name and module of each public module, in ascending order of names.

    A name that starts with an underscore is private, in any part of a dotted name.
    Modules that this platform cannot import are passed over. `os.path` stands under
    that name, and `builtins` under the empty name, as programmers write them.
    """
    for name in sorted(sys.stdlib_module_names - _SKIPPED):
        if not name.startswith("_"):
            yield from _with_submodules(name)


def _with_submodules(name: str) -> Iterator[tuple[str, ModuleType]]:
    try:
        module = importlib.import_module(name)
    except ImportError:
        return
    yield "" if name == "builtins" else name, module
    if name == "os":
        yield "os.path", module.path
    for part in sorted(pkgutil.iter_modules(getattr(module, "__path__", ()))):
        child = f"{name}.{part.name}"
        if part.name.startswith("_") or _SKIPPED_SUBMODULES & {part.name, child}:
            continue
        yield from _with_submodules(child)

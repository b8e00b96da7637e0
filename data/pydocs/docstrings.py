"""Docstrings of modules, classes, functions and methods as passages.

Every object is reachable under several names: re-exports, aliases, subclasses. All
names are gathered first, then each object and each text keeps the best of them.
"""

import inspect
import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from passages import Passage, clean
from signatures import signature_of, split_signature

# Made by `namedtuple`, `enum` and the macros of exceptions, not written by anybody.
_GENERATED = re.compile(
    r"(?:Alias for field number \d+|An enumeration\.|exception \w+)$"
)


@dataclass(frozen=True)
class _Entry:
    """An object under one of its names, with what speaks for or against the name."""

    name: str
    value: Any
    #: The object without the bound method or descriptor around it, and thereby the
    #: same under each name.
    raw: Any
    #: Whether the module means others to use the name.
    exported: bool = True
    #: Whether the object, or the class it belongs to, was defined with another name.
    aliased: bool = False
    #: Base classes up to the one that defines it.
    distance: int = 0

    @property
    def last_name(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def preference(self) -> tuple[bool, bool, int, int, int, str]:
        """Orders the names of one object, the one to keep first.

        Exported names come first, then the one that the object was defined with
        (`BadZipFile`, not `error`), the one with the fewest parts, and the class next
        to the definition.
        """
        parts, length = self.name.count("."), len(self.name)
        aliased = self.aliased or _is_alias(self.last_name, self.value)
        return not self.exported, aliased, parts, self.distance, length, self.name


def _is_alias(last_name: str, value: Any) -> bool:
    return bool(last_name != getattr(value, "__name__", last_name))


def docstring_passages(modules: Iterable[tuple[str, ModuleType]]) -> list[Passage]:
    """Passages of all documented objects, in ascending order of their ids.

    Args:
        modules: Public name and module; the empty name for `builtins`.
    """
    # All are imported first: importing a submodule can replace a package's attribute.
    modules = list(modules)
    entries = [entry for name, module in modules for entry in _members(name, module)]
    classes = [entry for entry in entries if inspect.isclass(entry.value)]
    # A class that has only an alias (`socket.SocketType`) leaves its members to the
    # class that is built on it.
    public = {id(c.raw) for c in classes if not _is_alias(c.last_name, c.raw)}
    for entry in classes:
        entries.extend(_class_members(entry, public))
    by_object: dict[int, _Entry] = {}
    by_text: dict[tuple[str, str], Passage] = {}
    for entry in sorted(entries, key=lambda entry: entry.preference):
        if by_object.setdefault(id(entry.raw), entry) is not entry:
            continue
        passage = _passage(entry)
        if not passage.is_trivial:
            # The same words under the same last name: an override or a sister class.
            by_text.setdefault((entry.last_name, passage.text), passage)
    return sorted(by_text.values(), key=lambda passage: passage.passage_id)


def _members(name: str, module: ModuleType) -> Iterator[_Entry]:
    """A module and its public members, those it only imports left out."""
    if name:
        yield _Entry(name, module, module)
    listed = getattr(module, "__all__", None)
    for member in sorted({*vars(module), *(listed or ())}):
        value = getattr(module, member, None)
        if member.startswith("_") or isinstance(value, ModuleType):
            continue
        home = str(getattr(value, "__module__", None))
        # `_socket` is at home in `socket`, and everything in `builtins`.
        own = not name or home in {module.__name__, f"_{module.__name__}"}
        from_part = home.startswith(f"{module.__name__}.")
        exported = listed is None or member in listed or from_part
        if own or from_part or member in (listed or ()):
            full_name = f"{name}.{member}" if name else member
            raw = getattr(value, "__func__", value)
            yield _Entry(full_name, value, raw, exported)


def _class_members(owner: _Entry, public: Container[int]) -> Iterator[_Entry]:
    """Public members that a class defines or takes from a base without public name."""
    aliased = _is_alias(owner.last_name, owner.raw)
    for distance, base in enumerate(owner.value.__mro__):
        if distance and id(base) in public:
            continue
        for member, raw in sorted(vars(base).items()):
            if member.startswith("_"):
                continue
            is_class = inspect.isclass(raw)
            if is_class and raw.__qualname__ != f"{base.__qualname__}.{member}":
                continue
            entry = _Entry(
                f"{owner.name}.{member}",
                raw if is_class else getattr(owner.value, member, raw),
                getattr(raw, "__func__", raw),
                owner.exported,
                owner.aliased or aliased,
                distance,
            )
            yield entry
            if is_class:
                yield from _class_members(entry, public)


def _passage(entry: _Entry) -> Passage:
    """The passage of one object; without text if nobody documented it."""
    written, text = split_signature(_own_text(entry.value), entry.last_name)
    signature = signature_of(entry.value) or written
    text = clean(text)
    if _GENERATED.match(text):
        text = ""
    return Passage(entry.name, clean(entry.name + signature), text)


def _own_text(value: Any) -> str:
    """The docstring of an object; for a class, that of its constructor after it."""
    text = getattr(value, "__doc__", None)
    # An instance without a docstring of its own shows that of its class.
    if not isinstance(text, str) or text == getattr(type(value), "__doc__", None):
        text = ""
    constructor = vars(value).get("__init__") if inspect.isclass(value) else None
    if inspect.isfunction(constructor) and constructor.__doc__:
        text = f"{inspect.cleandoc(text)}\n{inspect.cleandoc(constructor.__doc__)}"
    return inspect.cleandoc(text)

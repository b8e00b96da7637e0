"""Signatures for titles: short, and the same on every machine."""

import inspect
import re
import sysconfig
from typing import Any

# A signature that opens a docstring: "D.get(k[,d]) -> D[k] if k in D, else d."
_WRITTEN = re.compile(
    r"(?:\w+\.)*(?P<name>\w+)(?P<signature>\((?:[^()]|\([^()]*\))*\))"
    r"(?:\s*(?:[-=]+>|--|=|:)[ \t]*|[ \t]*(?=\n|$))"
)
# Tell nothing: any call fits.
_ANY_CALL = frozenset({"(*args, **kwargs)", "(*args, **kwds)", "(...)"})
_PLAIN = (bool, int, float, str, bytes, type(None))
_MAX_DEFAULT = 24
# Differs between an installation and a virtual environment.
_SCHEME = sysconfig.get_default_scheme()


def split_signature(text: str, name: str) -> tuple[str, str]:
    """The signature that opens a docstring, and the rest.

    Returns:
        The parameters in brackets (empty if no signature stands there) and the text
        without them.

    Example:
        >>> split_signature("D.get(k[,d]) -> D[k] if k in D, else d.", "get")
        ('(k[,d])', 'D[k] if k in D, else d.')
        >>> split_signature("Return the item.", "get")
        ('', 'Return the item.')
    """
    match = _WRITTEN.match(text)
    if match is None or match["name"] != name:
        return "", text
    return match["signature"], text[match.end() :].strip()


def signature_of(value: Any) -> str:
    """The parameters of a callable in brackets, without `self` and annotations.

    Defaults that are not short plain values are shown as `...`: they would bring
    paths and addresses of this machine into the corpus. Empty if there is no
    signature, or one that tells nothing.

    Example:
        >>> signature_of(str.split)
        '(sep=None, maxsplit=-1)'
    """
    if not callable(value):
        return ""
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError, AttributeError):
        # AttributeError: a C default names a constant that exists later
        # (`curses.window.border`).
        return ""
    parameters = [_bare(p) for p in signature.parameters.values()]
    if parameters and parameters[0].name == "self":
        del parameters[0]
    signature = inspect.Signature(parameters)
    shown = str(signature)
    return "" if shown in _ANY_CALL else shown


def _bare(parameter: inspect.Parameter) -> inspect.Parameter:
    default = parameter.default
    empty = inspect.Parameter.empty
    if default is not empty and (
        type(default) not in _PLAIN
        or default == _SCHEME
        or len(repr(default)) > _MAX_DEFAULT
    ):
        default = _Unshown()
    return parameter.replace(annotation=empty, default=default)


class _Unshown:
    """A default value that is shown as `...`."""

    def __repr__(self) -> str:
        return "..."

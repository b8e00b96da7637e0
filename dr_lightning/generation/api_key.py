"""An API key that is read where it is sent, and never kept or shown."""

import os


class ApiKey:
    """The key in an environment variable.

    The object holds the variable's name alone, so nothing that is logged, stored or
    shown in a traceback can hold the key.

    Args:
        variable: The name; null = the endpoint needs no key.

    Raises:
        ValueError: If the variable is not set, or holds what no header can.
    """

    def __init__(self, variable: str | None) -> None:
        self.variable = variable
        if variable is None:
            return
        if not self._read():
            msg = (
                f"the environment variable {variable} holds no API key. Set it in the "
                f"shell (export {variable}=...), or give key_variable: null to an "
                "endpoint that needs none."
            )
            raise ValueError(msg)
        if not (self._read().isascii() and self._read().isprintable()):
            msg = (
                f"the API key in {variable} has characters that no HTTP header takes. "
                "Set it to the key alone."
            )
            raise ValueError(msg)

    def headers(self) -> dict[str, str]:
        """The header that carries the key; none without a key."""
        key = self._read()
        return {"Authorization": f"Bearer {key}"} if key else {}

    def hide(self, text: str) -> str:
        """A text without the key, should an endpoint repeat it.

        Args:
            text: Any text.
        """
        key = self._read()
        return text.replace(key, "***") if key else text

    def _read(self) -> str:
        return os.environ.get(self.variable, "").strip() if self.variable else ""

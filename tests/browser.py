"""A headless Chromium, spoken to in its own protocol: no driver to install."""

import base64
import fcntl
import io
import json
import os
import shutil
import signal
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)
_FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]


class Page:
    """A page in a browser of its own.

    Args:
        file: The page.
        profile: An empty folder for the browser.
    """

    def __init__(self, file: Path, profile: Path) -> None:
        reads, self._to = os.pipe()
        self._from, writes = os.pipe()
        # Chromium reads its commands from 3 and answers on 4: neither is overwritten
        # by the other if both come from above.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (reads, writes)]
        flags = [*_FLAGS, f"--user-data-dir={profile}", "--remote-debugging-pipe"]
        self._process = os.posix_spawn(
            str(CHROMIUM),
            [str(CHROMIUM), *flags, "about:blank"],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, ends[0], 3),
                (os.POSIX_SPAWN_DUP2, ends[1], 4),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            ],
        )
        for end in (reads, writes, *ends):
            os.close(end)
        self._number, self._rest = 0, b""
        self.events: list[dict[str, Any]] = []
        target = self._ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        attached = {"targetId": target, "flatten": True}
        self._session = self._ask("Target.attachToTarget", attached)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._ask(f"{domain}.enable")
        self._ask("Page.navigate", {"url": file.resolve().as_uri()})
        while not any(one["method"] == "Page.loadEventFired" for one in self.events):
            self._read()

    _session: str | None = None

    def look(self, width: int, scheme: str, height: int = 900) -> NDArray[np.uint8]:
        """The page in a window of that width, `(height, width, 3)`.

        Args:
            width: Of the window, pixels.
            scheme: "light" or "dark", what the reader prefers.
            height: Of the window, pixels.
        """
        metrics = {"width": width, "height": height, "mobile": False}
        self._ask(
            "Emulation.setDeviceMetricsOverride", metrics | {"deviceScaleFactor": 1}
        )
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self._ask("Emulation.setEmulatedMedia", {"features": [feature]})
        shot = self._ask("Page.captureScreenshot", {"format": "png"})["data"]
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(shot))).convert("RGB"))

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression.

        Args:
            expression: Anything that JSON can hold.
        """
        asked = {"expression": expression, "returnByValue": True}
        return self._ask("Runtime.evaluate", asked)["result"].get("value")

    def _ask(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method}
        message |= {"params": params or {}}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                found: dict[str, Any] = answer["result"]
                return found

    def _read(self) -> dict[str, Any]:
        """The next message; events are kept."""
        while b"\0" not in self._rest:
            part = os.read(self._from, 1 << 16)
            assert part, "the browser ended"
            self._rest += part
        text, self._rest = self._rest.split(b"\0", 1)
        message: dict[str, Any] = json.loads(text)
        if "method" in message:
            self.events.append(message)
        return message

    def __enter__(self) -> "Page":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._to)
        os.close(self._from)
        os.kill(self._process, signal.SIGTERM)
        os.waitpid(self._process, 0)

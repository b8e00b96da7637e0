"""A small HTTP server that chats, with failures planted by the test."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]


@dataclass
class Reply:
    """What the server says to one request.

    Args:
        status: Of HTTP.
        text: The body as it is; null = a completion with `content`.
        content: The completion's text.
        headers: Besides type and length.
        delay: Seconds before the first byte.
        cut: Whether the connection ends within the body.
        finish_reason: Of the completion.
    """

    status: int = 200
    text: str | None = None
    content: str | None = "a query"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: bool = False
    finish_reason: str = "stop"

    def encoded(self) -> bytes:
        if self.text is not None:
            return self.text.encode()
        message = {"role": "assistant", "content": self.content}
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason}
        usage = {"prompt_tokens": 30, "completion_tokens": 3}
        return json.dumps({"choices": [choice], "usage": usage}).encode()


def failure(status: int, message: str = "no", **headers: str) -> Reply:
    """An error as OpenAI's API words it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps({"error": {"message": message}}), headers=named)


class Endpoint:
    """Where the server is, and what it has seen."""

    def __init__(self, reply: Callable[[Body, int], Reply]) -> None:
        self.reply = reply
        self.url = ""
        self.bodies: list[Body] = []
        self.times: list[float] = []
        self.keys: list[str | None] = []
        self.paths: list[str] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()

    def enter(self, handler: BaseHTTPRequestHandler) -> Reply:
        size = int(handler.headers["Content-Length"])
        body = json.loads(handler.rfile.read(size))
        with self._lock:
            self.bodies.append(body)
            self.times.append(time.monotonic())
            self.keys.append(handler.headers["Authorization"])
            self.paths.append(handler.path)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            return self.reply(body, len(self.bodies))

    def leave(self) -> None:
        with self._lock:
            self._at_once -= 1


@contextmanager
def serving(reply: Callable[[Body, int], Reply]) -> Iterator[Endpoint]:
    """Runs the server.

    Args:
        reply: Chooses what to say from the body of a request and its number, from 1.
    """
    endpoint = Endpoint(reply)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            said = endpoint.enter(self)
            try:
                self.say(said)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client gave up: its time-out
            finally:
                endpoint.leave()

        def say(self, said: Reply) -> None:
            time.sleep(said.delay)
            payload = said.encoded()
            self.send_response(said.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if said.cut:
                payload = payload[: len(payload) // 2]
                self.close_connection = True
            self.wfile.write(payload)

        def log_message(self, *_: Any) -> None:
            """Stays quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    endpoint.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

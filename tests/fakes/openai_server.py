"""A real HTTP server on 127.0.0.1 that speaks vLLM's part of the OpenAI protocol and does what a script says.

A script is what happens to one chat request after the other; its last entry repeats:

- ``ok``: a completion; a ``dict``: a completion with these fields of the choice, message or usage;
- ``429``, ``503``, ...: this status with vLLM's error JSON; ``429/2``: with ``Retry-After: 2``;
- ``html``, ``garbage``, ``list``, ``nothing``: status 200, and what no model server sends;
- ``hang``: no answer before the server stops; ``slow/0.5``: a completion after so many seconds;
- ``reset``: the connection is cut before a byte is sent; ``cut``: in the middle of the body;
- ``endless``: a body without end.

Every request is kept in ``received``. A stopped server can be started again, on the same port.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Entry = str | dict[str, Any]

GLM = "zai-org/GLM-4.1V-9B-Thinking"
TEXT = "<think>I look at it.</think><answer>A picture.</answer>"
MESSAGE = "the fake server's own words"

PROVENANCE: dict[str, Any] = {
    "engine": "vllm",
    "model": GLM,
    "revision": "a" * 40,
    "dtype": "bfloat16",
    "quantization": None,
    "processor": {},
    "versions": {"vllm": "0.32.0", "device": "1 x NVIDIA H200"},
    "warnings": [],
}


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class FakeServer:
    def __init__(self, *script: Entry, model: str = GLM, **settings: Any) -> None:
        self.script: list[Entry] = list(script) or ["ok"]
        self.models: list[dict[str, Any]] = [{"id": model, "max_model_len": 16384}]
        self.provenance: dict[str, Any] | None = settings.get("provenance", PROVENANCE)
        self.counts_tokens: bool = settings.get("counts_tokens", True)
        self.key: str | None = settings.get("key")
        self.health: str = settings.get("health", "200")
        self.message: str = settings.get("message", MESSAGE)
        self.everything: str | None = settings.get("everything")
        """What happens to every request, of whatever path."""
        self.received: list[Received] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.busy = threading.Event()
        """Set from the first chat request on."""
        self.gone = threading.Event()
        self.lock = threading.Lock()
        self._port = 0
        self._server: _Server | None = None

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        return f"{self.root}/v1"

    @property
    def asked(self) -> list[Received]:
        """The chat requests."""
        return [each for each in self.received if each.path == "/v1/chat/completions"]

    def start(self) -> None:
        self.gone.clear()
        self._server = _Server(("127.0.0.1", self._port), _Handler)
        self._server.fake = self
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self.gone.set()
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def next_entry(self) -> Entry:
        with self.lock:
            return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def unused_url() -> str:
    """Where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


def tokens_of(text: str) -> list[int]:
    """One token per word or other character: markers are several, as Kimi's."""
    return [sum(map(ord, piece)) for piece in re.findall(r"\w+|[^\w\s]", text)]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 256
    fake: FakeServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are part of the plan."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    in_flight = False

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass

    @property
    def fake(self) -> FakeServer:
        assert isinstance(self.server, _Server)
        return self.server.fake

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, data: bytes) -> None:
        fake = self.fake
        body = json.loads(data) if data else {}
        fake.received.append(Received(self.path, dict(self.headers), body))
        if fake.everything is not None:
            self._perform(fake.everything, body)
        elif fake.key and self.path.startswith("/v1") and self.headers["Authorization"] != f"Bearer {fake.key}":
            self._send(401, {"error": "Unauthorized"})
        elif self.path == "/v1/chat/completions":
            self._enter()
            fake.busy.set()
            try:
                self._perform(fake.next_entry(), body)
            finally:
                self._leave()
        else:
            self._answer_small(body)

    def _enter(self) -> None:
        with self.fake.lock:
            self.in_flight = True
            self.fake.in_flight += 1
            self.fake.most_in_flight = max(self.fake.most_in_flight, self.fake.in_flight)

    def _leave(self) -> None:
        with self.fake.lock:
            self.fake.in_flight -= self.in_flight
            self.in_flight = False

    def _answer_small(self, body: dict[str, Any]) -> None:
        fake = self.fake
        if self.path == "/v1/models":
            self._send(200, {"object": "list", "data": fake.models})
        elif self.path == "/health":
            self._perform(fake.health, body)
        elif self.path == "/version":
            self._send(200, {"version": "0.32.0"})
        elif self.path == "/provenance" and fake.provenance is not None:
            self._send(200, fake.provenance)
        elif self.path == "/tokenize" and fake.counts_tokens:
            tokens = tokens_of(body["prompt"])
            self._send(200, {"count": len(tokens), "tokens": tokens, "max_model_len": 16384})
        else:
            self._send(404, {"detail": "Not Found"})

    def _perform(self, entry: Entry, body: dict[str, Any]) -> None:
        name, _, argument = ("ok", "", "") if isinstance(entry, dict) else entry.partition("/")
        if name.isdecimal():
            self._fail(int(name), argument)
            return
        if name in ("hang", "slow"):
            self.fake.gone.wait(float(argument) if argument else None)
        if name in ("ok", "slow"):
            self._send(200, _complete(body, entry if isinstance(entry, dict) else {}))
        elif name == "html":
            self._send_bytes(200, b"<!DOCTYPE html><title>Welcome</title>", "text/html")
        elif name == "garbage":
            self._send_bytes(200, b'\xff{"choices": [', "application/json")
        elif name == "list":
            self._send_bytes(200, b"[1, 2]", "application/json")
        elif name == "nothing":
            self._send(200, {"object": "chat.completion"})
        elif name == "endless":
            self._send_for_ever()
        else:
            self._cut(half_sent=name == "cut")

    def _fail(self, status: int, argument: str) -> None:
        headers = {}
        if status in (301, 302, 307, 308):
            headers["Location"] = argument.replace("|", "/")
        elif argument:
            headers["Retry-After"] = argument
        if status == 200:
            self._send_bytes(200, b"", "text/plain")
            return
        error = {"message": self.fake.message, "type": "BadRequestError", "param": None, "code": status}
        self._send(status, {"error": error}, headers)

    def _send(self, status: int, content: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        self._send_bytes(status, json.dumps(content).encode(), "application/json", headers)

    def _send_bytes(self, status: int, data: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self._leave()  # a client that has read the answer may ask again before this thread runs on
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _send_for_ever(self) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        with contextlib.suppress(OSError):
            while not self.fake.gone.is_set():
                self.wfile.write(b" " * 2**20)

    def _cut(self, *, half_sent: bool) -> None:
        if half_sent:
            data = json.dumps(_complete({}, {})).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            time.sleep(0.02)  # the half must arrive before the reset that would throw it away
        # lingering for no time sends a reset
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()


def _complete(body: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    text = changes.get("content", TEXT)
    message = {"role": "assistant", "content": text, "reasoning": changes.get("reasoning")}
    choice: dict[str, Any] = {
        "index": 0,
        "message": message,
        "finish_reason": changes.get("finish_reason", "stop"),
        "stop_reason": changes.get("stop_reason"),
    }
    if body.get("return_token_ids"):
        choice["token_ids"] = changes.get("token_ids", tokens_of(str(text or "")))
    count = len(tokens_of(str(text or "")))
    usage = changes.get("usage", {"prompt_tokens": 300, "completion_tokens": count, "total_tokens": 300 + count})
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": body.get("model"),
        "choices": [choice],
        "usage": usage,
    }

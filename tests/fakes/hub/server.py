"""What the hub and its store have in common."""

from __future__ import annotations

import contextlib
import json
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.fakes.hub.repository import Account, Dataset
from tests.fakes.hub.script import Request, Script


class Handler(BaseHTTPRequestHandler):
    """Answers in JSON unless told otherwise."""

    protocol_version = "HTTP/1.1"
    timeout = 5  # seconds for which an idle connection is kept
    disable_nagle_algorithm = True  # else each body waits for its header to be acknowledged
    host = ""

    def do_GET(self) -> None:
        self.get()

    def do_HEAD(self) -> None:
        self.get()

    def do_POST(self) -> None:
        self.post()

    def do_PUT(self) -> None:
        self.put()

    def get(self) -> None:
        """Answer to GET, and to HEAD."""
        self.answer(405, {"error": "not here"})

    def post(self) -> None:
        """Answer to POST."""
        self.answer(405, {"error": "not here"})

    def put(self) -> None:
        """Answer to PUT."""
        self.answer(405, {"error": "not here"})

    def record(self) -> None:
        """Note the request."""
        assert isinstance(self.server, (Hub, Store))
        headers = self.headers
        self.server.script.requests.append(
            Request(self.host, self.path, headers.get("Range"), headers.get("Authorization"), self.command)
        )

    def answer(self, status: int, content: object, headers: Mapping[str, str] | None = None) -> None:
        """Send an answer; one to a HEAD request goes without its body."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def pieces(self) -> Iterator[bytes]:
        """The request's body, by length or in chunks (RFC 9112, sections 6 and 7)."""
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline().strip() or b"0", 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length") or 0)
        while left and (piece := self.rfile.read(min(left, 1 << 16))):
            left -= len(piece)
            yield piece

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """Listens on the loopback alone."""

    daemon_threads = True
    block_on_close = False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no error of the server's."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Store(Server):
    """Large files by their SHA-256."""

    def __init__(self, address: tuple[str, int], handler: type[Handler], script: Script, scratch: Path | None) -> None:
        super().__init__(address, handler)
        self.script = script
        self.scratch = scratch
        self.files: dict[str, Path] = {}


class Hub(Server):
    """Everything else."""

    missing: set[str]
    gated: set[str]
    barred: set[str]
    renamed: Mapping[str, str]
    datasets: dict[str, Dataset]
    accounts: Mapping[str, Account]

    def __init__(self, address: tuple[str, int], handler: type[Handler], script: Script, store: Store) -> None:
        super().__init__(address, handler)
        self.script = script
        self.store = store
        self.lock = threading.Lock()
        self.missing, self.gated, self.barred, self.renamed = set(), set(), set(), {}


@contextlib.contextmanager
def running(server: ThreadingHTTPServer) -> Iterator[None]:
    """Serve while the block runs."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def cut_out(data: bytes, asked: str | None) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of an answer to a request for a range (RFC 9110, section 14)."""
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", asked or "")
    if match is None:
        return 200, data, {"ETag": '"whole"'}
    start = int(match[1])
    end = min(int(match[2]) + 1 if match[2] else len(data), len(data))
    if start >= len(data):
        return 416, b"", {"Content-Range": f"bytes */{len(data)}"}
    return 206, data[start:end], {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"}

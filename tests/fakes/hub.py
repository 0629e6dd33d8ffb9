"""The part of the Hugging Face hub that says which commit a model is at."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextlib.contextmanager
def serve_hub(
    *, missing: set[str] | None = None, gated: set[str] | None = None, barred: set[str] | None = None
) -> Iterator[str]:
    """Run a hub that knows every model but those named, and yield its address.

    Args:
        missing: answered as models that do not exist.
        gated: answered as models whose terms were not accepted.
        barred: answered as with a token that is no longer valid.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            model = "/".join(self.path.removeprefix("/api/models/").split("/")[:2])
            if model in (missing or ()):
                self._answer(401, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
            elif model in (gated or ()):
                self._answer(403, {"error": "Access to model is restricted"}, {"X-Error-Code": "GatedRepo"})
            elif model in (barred or ()):
                reason = "Invalid credentials in Authorization header"
                self._answer(401, {"error": reason}, {"X-Error-Message": reason})
            else:
                self._answer(200, {"id": model, "modelId": model, "sha": COMMIT, "siblings": [], "tags": []}, {})

        def _answer(self, status: int, content: object, headers: dict[str, str]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

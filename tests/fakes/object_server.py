"""An object store on loopback that speaks S3's protocol (moto), and fails where it is told to."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

WRITES = frozenset({"PUT", "POST", "DELETE"})


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: str

    @property
    def is_write(self) -> bool:
        """Whether it changes what is stored; beginning an upload in parts, or sending one, does not."""
        return self.method in WRITES and "uploads" not in self.query and "partNumber" not in self.query


class ObjectServer:
    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.refuses: Callable[[Asked], bool] = lambda _: False
        """Which requests are answered with an error of the server's."""
        self.cuts: Callable[[Asked], bool] = lambda _: False
        """Which answers end in the middle."""
        self._application = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.port}"

    def forget(self) -> None:
        """Behave again, and forget what was asked."""
        self.refuses = self.cuts = lambda _: False
        self.asked.clear()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        asked = Asked(environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"])
        self.asked.append(asked)
        if self.refuses(asked):
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response("500 Internal Server Error", [("Content-Length", "0")])
            return [b""]
        answer: Iterable[bytes] = self._application(environ, start_response)
        if self.cuts(asked):
            whole = b"".join(answer)
            return [whole[: len(whole) // 2]]
        return answer

"""Prefect's embedded server, for the length of one build and not a moment longer."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator

from flows import environment

environment.prepare_environment()

from prefect.settings import (  # noqa: E402
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    temporary_settings,
)

from schemas.errors import ImageNetThinkError  # noqa: E402

SECONDS_TO_START = 180.0
"""Includes the database's first migration, on a busy laptop."""

SECONDS_TO_STOP = 10.0


@contextlib.contextmanager
def orchestrator() -> Iterator[None]:
    """Run flows inside against the server that ``PREFECT_API_URL`` names, or against one of our own on loopback.

    Heartbeats are off with our own, since nobody watches them and each sync flow would wait a second to stop them.

    Raises:
        ImageNetThinkError: our own server does not start.
    """
    if not environment.is_embedded():
        yield
        return
    with _serve() as url, temporary_settings({PREFECT_API_URL: url, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield


@contextlib.contextmanager
def _serve() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
        server = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "flows.server", str(listener.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
            start_new_session=True,  # Ctrl-C is for the build, which still has to report to it
        )
    try:
        try:
            # the socket listens already, so this waits until the server answers
            urllib.request.urlopen(f"{url}/health", timeout=SECONDS_TO_START).close()  # noqa: S310 - loopback
        except (urllib.error.URLError, OSError) as error:
            raise ImageNetThinkError(
                f"the embedded Prefect server does not start ({error})",
                "try again, or set PREFECT_API_URL to a running server",
            ) from error
        yield url
    finally:
        assert server.stdin is not None
        server.stdin.close()
        try:
            server.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()

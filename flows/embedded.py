"""Prefect's embedded server, for the length of one build and not a moment longer."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

from flows import environment

environment.prepare_environment()

from prefect.server.api.server import SubprocessASGIServer  # noqa: E402
from prefect.settings import (  # noqa: E402
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    temporary_settings,
)

_KILL_AT_END_OF_INPUT = 'cat >/dev/null; kill "$0" 2>/dev/null'


@contextlib.contextmanager
def orchestrator() -> Iterator[None]:
    """Run flows inside against the server that ``PREFECT_API_URL`` names, or against one of our own on loopback.

    Our own ends with the block, and also when this process is killed: a guard waits on a pipe that the kernel closes
    for us. Heartbeats are off with it, since nobody watches them and each sync flow would wait a second to stop them.
    """
    if not environment.is_embedded():
        yield
        return
    server = SubprocessASGIServer()
    server.start()
    assert server.server_process is not None
    guard = subprocess.Popen(  # noqa: S603 - a fixed command
        ["/bin/sh", "-c", _KILL_AT_END_OF_INPUT, str(server.server_process.pid)],
        stdin=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C must not end it before its time
    )
    try:
        with temporary_settings({PREFECT_API_URL: server.api_url, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
            yield
    finally:
        server.stop()
        guard.kill()
        guard.wait()

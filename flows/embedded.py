"""Prefect's embedded server, for the length of one build and not a moment longer."""

from __future__ import annotations

import contextlib
import errno
import http.client
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator

from flows import environment

environment.prepare_environment()

import httpx  # noqa: E402
from prefect.exceptions import PrefectException  # noqa: E402
from prefect.settings import (  # noqa: E402
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_HOME,
    temporary_settings,
)

from schemas.errors import ImageNetThinkError  # noqa: E402

SECONDS_TO_START = 180.0
"""Includes the database's first migration, on a busy laptop."""

SECONDS_TO_ANSWER = 30.0
"""For a server that somebody else runs, and that should be up."""

SECONDS_TO_STOP = 10.0

LOG_FILE = "server.log"
"""In the server's home: what it complains of, which a build says in its own words."""

ROOM = 4 * 2**20
"""Bytes of disk that the server's database needs at least, for a build's few rows and its journal."""


@contextlib.contextmanager
def orchestrator() -> Iterator[None]:
    """Run flows inside against the server that ``PREFECT_API_URL`` names, or against one of our own on loopback.

    Heartbeats are off with our own, since nobody watches them and each sync flow would wait a second to stop them.

    Raises:
        ImageNetThinkError: the server does not start or answer, or fails on the way.
        OSError: its disk is full.
    """
    if not environment.is_embedded():
        url = PREFECT_API_URL.value() or ""
        _assert_answers(url)
        with _failures_explained(url):
            yield
        return
    with (
        _serve() as url,
        _failures_explained(url),
        temporary_settings({PREFECT_API_URL: url, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield


@contextlib.contextmanager
def _serve() -> Iterator[str]:
    home = PREFECT_HOME.value()
    home.mkdir(parents=True, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as listener, (home / LOG_FILE).open("ab") as log:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
        server = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "flows.server", str(listener.fileno())],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=[listener.fileno()],
            start_new_session=True,  # Ctrl-C is for the build, which still has to report to it
        )
    try:
        _wait_until_it_answers(url)
        yield url
    finally:
        assert server.stdin is not None
        server.stdin.close()
        try:
            server.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _assert_answers(url: str) -> None:
    try:
        urllib.request.urlopen(f"{url}/health", timeout=SECONDS_TO_ANSWER).close()  # noqa: S310 - the user's own URL
    except urllib.error.HTTPError as refusal:
        refusal.close()  # it answers; whether it lets us in is for Prefect's client, which has the key, to find out
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise ImageNetThinkError(
            f"the Prefect server at {url}, which PREFECT_API_URL names, does not answer ({error})",
            "start it or correct the URL, or unset PREFECT_API_URL to let the build bring its own",
        ) from error


def _wait_until_it_answers(url: str) -> None:
    try:
        # the socket listens already, so this one request waits until somebody answers
        urllib.request.urlopen(f"{url}/health", timeout=SECONDS_TO_START).close()  # noqa: S310 - loopback
    except OSError as error:
        raise _explain(url, error) from error


@contextlib.contextmanager
def _failures_explained(url: str) -> Iterator[None]:
    """Turn the client's complaints about the server into what they are about."""
    try:
        yield
    except (PrefectException, httpx.HTTPError) as error:
        raise _find_our_own(error) or _explain(url, error) from error


def _find_our_own(error: BaseException) -> Exception | None:
    """The failure that Prefect was about to report when its server failed, too: a full disk hits both."""
    earlier = error.__cause__ or error.__context__
    if earlier is None or isinstance(earlier, ImageNetThinkError):
        return earlier
    if isinstance(earlier, OSError) and earlier.errno == errno.ENOSPC:
        return earlier
    return _find_our_own(earlier)


def _explain(url: str, error: Exception) -> Exception:
    home = PREFECT_HOME.value()
    if environment.is_embedded() and shutil.disk_usage(home).free < ROOM:
        return OSError(errno.ENOSPC, "No space left on device", str(home))
    return ImageNetThinkError(
        f"the Prefect server at {url} fails ({error})",
        "what is done is kept; run the same command again, or set PREFECT_API_URL to another server",
    )

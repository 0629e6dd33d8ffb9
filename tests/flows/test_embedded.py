"""A build reaches its own server past any proxy, and says so when the one it was given is not there."""

from __future__ import annotations

import contextlib
import http.server
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.environment import prepare_environment
from tests.flows.conftest import environment

SERVE = """
import sys
from pathlib import Path
from flows.environment import prepare_environment

prepare_environment(Path(sys.argv[1]))

from flows.embedded import orchestrator
from prefect.client.orchestration import get_client
from schemas.errors import ImageNetThinkError

try:
    with orchestrator():
        if "ask" in sys.argv:
            get_client(sync_client=True).hello().raise_for_status()
        print("inside")
except ImageNetThinkError as error:
    print(error)
"""


def serve(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SERVE, *map(str, arguments)],
        env=environment() | variables,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )


@pytest.mark.parametrize(
    ("given", "lower", "upper"),
    [
        ({}, "127.0.0.1", "127.0.0.1"),
        ({"no_proxy": "a.org,b.org"}, "a.org,b.org,127.0.0.1", "a.org,b.org,127.0.0.1"),
        ({"NO_PROXY": "a.org"}, "a.org,127.0.0.1", "a.org,127.0.0.1"),
        ({"no_proxy": "a.org", "NO_PROXY": "b.org"}, "a.org,127.0.0.1", "b.org,127.0.0.1"),
        ({"no_proxy": "", "NO_PROXY": "b.org"}, "127.0.0.1", "b.org,127.0.0.1"),
        ({"no_proxy": "127.0.0.1, a.org"}, "127.0.0.1,a.org", "127.0.0.1,a.org"),
        ({"no_proxy": "*"}, "*", "*"),
    ],
    ids=str,
)
def test_loopback_joins_the_hosts_that_need_no_proxy(
    given: dict[str, str], lower: str, upper: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", dict(given))
    for _ in range(2):  # a second call changes nothing
        prepare_environment()
        assert (os.environ["no_proxy"], os.environ["NO_PROXY"]) == (lower, upper)


def test_with_a_server_of_the_user_s_the_proxy_s_exceptions_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"PREFECT_API_URL": "http://prefect.org/api", "no_proxy": "a.org"})
    prepare_environment()
    assert os.environ["no_proxy"] == "a.org"
    assert "NO_PROXY" not in os.environ


@pytest.mark.slow
def test_the_embedded_server_is_reached_past_a_proxy(tmp_path: Path) -> None:
    without = dict.fromkeys(("no_proxy", "NO_PROXY"), "")
    done = serve(tmp_path, "ask", http_proxy="http://127.0.0.1:9", **without)
    assert done.stdout == "inside\n", done.stderr


def test_a_named_server_that_is_not_there_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/api"
    done = serve(tmp_path, PREFECT_API_URL=url, no_proxy="127.0.0.1")
    assert f"the Prefect server at {url}, which PREFECT_API_URL names, does not answer" in done.stdout, done.stderr
    assert "or unset PREFECT_API_URL" in done.stdout
    assert "inside" not in done.stdout


def test_a_named_server_that_wants_a_key_counts_as_there(tmp_path: Path) -> None:
    with refusing_server() as url:
        done = serve(tmp_path, PREFECT_API_URL=url, no_proxy="127.0.0.1")
    assert done.stdout == "inside\n", done.stderr


@contextlib.contextmanager
def refusing_server() -> Iterator[str]:
    class Refusing(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(401 if self.path == "/api/health" else 404)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()
        thread.join()

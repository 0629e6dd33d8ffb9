"""Builds as their users start them: the command line, in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

Run = Callable[..., subprocess.CompletedProcess[str]]


def command_line(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "flows.cli", *map(str, arguments)]


def environment() -> dict[str, str]:
    """That of this process, with this checkout importable and no Prefect server named."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return inherited | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"}


def run_to_its_end(**variables: str) -> Run:
    """Runs the command line with these variables on top."""

    def run(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command_line(*arguments),
            cwd=cwd,
            env=environment() | variables,
            capture_output=True,
            text=True,
            timeout=170,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def imagenet_think() -> Run:
    """Run the command line to its end; a build brings its own server."""
    return run_to_its_end()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The same against one Prefect server that runs already, which halves what a build takes."""
    home = {"PREFECT_HOME": str(tmp_path_factory.mktemp("prefect"))}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        server = subprocess.Popen(
            [sys.executable, "-m", "flows.server", str(listener.fileno())],
            env=environment() | home,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            pass_fds=[listener.fileno()],
        )
    quiet = {"PREFECT_LOGGING_LEVEL": "CRITICAL", "PREFECT_LOGGING_TO_API_ENABLED": "false"}
    url = {"PREFECT_API_URL": f"http://127.0.0.1:{port}/api", "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}
    yield run_to_its_end(**home, **quiet, **url)
    server.communicate()  # it ends when its standard input does

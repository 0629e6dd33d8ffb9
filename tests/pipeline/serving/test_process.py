"""A server's process is listened to, and never left behind."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

from pipeline.serving import ServerProcess
from tests.processes import is_gone, wait_until

SLEEP = "import time; time.sleep(600)"

WITH_CHILD = f"""
import subprocess, sys
print(subprocess.Popen([sys.executable, "-c", {SLEEP!r}]).pid, flush=True)
{SLEEP}
"""

WITH_MANNERS = f"""
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("ready", flush=True)
{SLEEP}
"""

DEAF = f"""
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
{SLEEP}
"""

PARENT = f"""
import os, sys
from pipeline.serving import ServerProcess
child = "import os; print(os.getpid(), flush=True); {SLEEP}"
ServerProcess([sys.executable, "-c", child], os.environ, sys.stdout.buffer).wait()
"""


def start(code: str, output: io.BytesIO | None = None) -> ServerProcess:
    return ServerProcess([sys.executable, "-c", code], os.environ, output or io.BytesIO())


def test_output_is_passed_on_as_it_comes_and_its_end_is_kept() -> None:
    output = io.BytesIO()
    with start(f"import sys; print('on its way', end='', flush=True, file=sys.stderr); {SLEEP}", output) as server:
        wait_until(output.getvalue)
        assert output.getvalue() == b"on its way"
        assert server.last_words() == ["on its way"]


def test_a_server_that_ended_by_itself_is_noticed_with_its_exit_code() -> None:
    with start("print('last words'); raise SystemExit(7)") as server:
        server.wait()
        assert server.has_ended()
        assert server.stop(0.0) == 7
        assert server.last_words() == ["last words"]


def test_a_server_ends_on_request_in_good_order() -> None:
    output = io.BytesIO()
    with start(WITH_MANNERS, output) as server:
        wait_until(output.getvalue)
        assert server.stop(60.0) == 0


def test_a_server_that_does_not_listen_is_killed_after_its_grace() -> None:
    output = io.BytesIO()
    with start(DEAF, output) as server:
        wait_until(output.getvalue)
        assert server.stop(0.1) == -9


def test_what_the_server_started_ends_with_it() -> None:
    output = io.BytesIO()
    with start(WITH_CHILD, output):
        wait_until(lambda: output.getvalue().endswith(b"\n"))
    wait_until(lambda: is_gone(int(output.getvalue())))


def test_a_killed_parent_leaves_no_server_behind() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, cwd=Path(__file__).parents[3], text=True
    )
    assert parent.stdout is not None
    server = int(parent.stdout.readline())
    assert not is_gone(server)
    parent.kill()
    parent.wait()
    wait_until(lambda: is_gone(server))

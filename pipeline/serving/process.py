"""The server's process: started, listened to, and never left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import BinaryIO, Self

from pipeline.parents import promise_to_die

_KEPT = 2**18
"""Bytes of the server's last words: room for the tracebacks of a few of its processes."""

_LAST_MOMENT = 2.0
"""Seconds for the server's own processes to end after it. All of them hold the pipe of its output until then."""


class ServerProcess:
    """A command that runs in a session of its own, with its output passed on and its end certain.

    Ctrl-C reaches this process alone, which then ends the other in good order. Should this process be killed, the
    kernel kills the other. To be started on the main thread: the kernel's promise is bound to the thread.

    Args:
        command: what to run.
        environment: its environment.
        output: where its output and errors go.
        grace: seconds that it gets to end in good order when the block is left.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], output: BinaryIO, grace: float = 20.0
    ) -> None:
        self._output = output
        self._grace = grace
        self._words = bytearray()
        self._is_stopping = False
        self._child = subprocess.Popen(  # noqa: S603 - our own command
            list(command),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=promise_to_die(os.getpid()),  # noqa: PLW1509 - this process has no other threads yet
        )
        self._reader = threading.Thread(target=self._pass_on, daemon=True, name="server-output")
        self._reader.start()

    def has_ended(self) -> bool:
        """Whether it ended by itself."""
        return self._look(os.WNOHANG)

    def wait(self) -> None:
        """Wait until it ends by itself."""
        self._look(0)

    def stop(self, grace: float) -> int:
        """End it and all that it started, and wait until they are gone.

        Args:
            grace: seconds that it gets to end in good order, before it is killed.

        Returns:
            Its exit code; negative for a signal.
        """
        if self._child.returncode is not None:
            return self._child.returncode
        self._is_stopping = True  # what it says of its own end is no news
        try:
            self._child.terminate()
            self._wait_for(grace)
        finally:
            self._kill_group()
        return self._child.wait()

    def last_words(self) -> list[str]:
        """The last lines of its output."""
        return self._words.decode("utf-8", "replace").splitlines()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(self._grace)

    def _kill_group(self) -> None:
        """Kill what is left. Processes that end with the server, and give back its shared memory, get a moment to."""
        self._child.kill()
        self._reader.join(_LAST_MOMENT)
        # While it has not been waited for, its number and that of its group belong to nobody else.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        self._reader.join(_LAST_MOMENT)

    def _wait_for(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self.has_ended() and time.monotonic() < deadline:
            time.sleep(0.05)

    def _look(self, options: int) -> bool:
        if self._child.returncode is not None:
            return True
        return os.waitid(os.P_PID, self._child.pid, os.WEXITED | os.WNOWAIT | options) is not None

    def _pass_on(self) -> None:
        assert self._child.stdout is not None
        while words := self._child.stdout.read1():  # type: ignore[attr-defined]  # buffered, since it is a pipe
            self._words += words
            del self._words[:-_KEPT]
            if self._is_stopping:
                continue
            with contextlib.suppress(OSError, ValueError):
                self._output.write(words)
                self._output.flush()

"""The processes that vLLM starts: what they write, and how they are ended."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.util
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing import resource_tracker
from typing import Any

import psutil

from pipeline.engines.vllm.console import Console

_KEPT_LINES = 400
"""Of what the processes wrote last: room for the tracebacks of a few workers."""

_DEATH = 10.0
"""Seconds that a killed process may take to be gone; one that frees a GPU's memory takes a few."""


class Processes:
    """Every process that is started inside :meth:`starting`, and what it writes to standard output and error.

    Their output comes through a pipe, for as long as they live. Its last lines are kept: the reason why an engine does
    not start, or dies, stands nowhere else.

    Args:
        console: gets every line.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._children: list[Any] = []
        self._family: set[psutil.Process] = set()
        self._killing = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True, name="vllm-output")
        self._read_end, self._write_end = os.pipe()

    @contextlib.contextmanager
    def starting(self) -> Iterator[None]:
        """Adopt the processes that ``multiprocessing`` spawns in the block; if it fails, none of them is left."""
        before = set(multiprocessing.active_children())
        # This helper of multiprocessing is started with the first process, is everybody's, and outlives the engine.
        resource_tracker.ensure_running()
        self._reader.start()
        try:
            with self._spawning_into_pipe():
                yield
        except BaseException:
            self._children = [child for child in multiprocessing.active_children() if child not in before]
            self.kill()
            raise
        finally:
            os.close(self._write_end)
        self._children = [child for child in multiprocessing.active_children() if child not in before]
        self._look_around()
        self._lines.clear()

    def last_words(self) -> Sequence[str]:
        """The last lines the processes wrote; waits a moment for those of a process that has just died."""
        self._reader.join(1.0)
        return tuple(self._lines)

    def exit_signals(self) -> list[str]:
        """Names of the signals that ended processes, e.g. ``SIGKILL``."""
        codes = [child.exitcode for child in self._children]
        return [signal.Signals(-code).name for code in codes if code is not None and code < 0]

    def kill(self) -> None:
        """End all processes and those that they started, stopped ones too, and wait until they are gone."""
        with self._killing:
            self._look_around()
            for process in self._family:
                # multiprocessing's own helper ends with the processes that it serves, and gives back their memory
                with contextlib.suppress(psutil.NoSuchProcess):
                    if not any("resource_tracker" in word for word in process.cmdline()):
                        process.kill()
            for child in self._children:
                child.join(_DEATH)
            psutil.wait_procs(self._family, timeout=_DEATH)

    def _look_around(self) -> None:
        """Learn which processes the children have started; once a child is gone nobody can tell any more."""
        for child in self._children:
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(child.pid)
                self._family.update([process, *process.children(recursive=True)])

    @contextlib.contextmanager
    def _spawning_into_pipe(self) -> Iterator[None]:
        """Give spawned processes the pipe as their output.

        Only for the moment of each spawn is it this process's own output, too: whatever else writes here meanwhile,
        such as a progress bar during the minutes of a start, still reaches the terminal.
        """
        spawn = multiprocessing.util.spawnv_passfds

        def spawn_into_pipe(path: bytes, args: Sequence[Any], passfds: Sequence[int]) -> int:
            own = [(standard, os.dup(standard)) for standard in (1, 2)]
            # An interrupt is for this process alone: a mask is inherited, so the children are deaf to Ctrl-C.
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                for standard, _ in own:
                    os.dup2(self._write_end, standard)
                return spawn(path, args, passfds)
            finally:
                for standard, copy in own:
                    os.dup2(copy, standard)
                    os.close(copy)
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)

        multiprocessing.util.spawnv_passfds = spawn_into_pipe
        try:
            yield
        finally:
            multiprocessing.util.spawnv_passfds = spawn

    def _read(self) -> None:
        with os.fdopen(self._read_end, encoding="utf-8", errors="replace") as pipe:
            for line in pipe:
                self._lines.append(line.rstrip())
                self._console.show(line)

"""How long work tells that it advances; the command line decides how that looks."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Protocol

BYTES = "bytes"
"""The unit that is shown as megabytes, gigabytes and so on."""


class Task(Protocol):
    """One stage at work."""

    def advance(self, count: int = 1) -> None:
        """``count`` more units are done."""

    def expect(self, total: int) -> None:
        """The whole is now known to be ``total`` units."""

    def describe(self, text: str) -> None:
        """Say something of the state in a few words, e.g. counts by status."""


class Progress(Protocol):
    """Where stages announce their work."""

    def task(self, name: str, total: int | None, unit: str) -> contextlib.AbstractContextManager[Task]:
        """Open a stage of ``total`` units (``None`` where that is not known beforehand). Stages may be nested.

        The unit :data:`BYTES` is shown in megabytes, gigabytes and so on.
        """

    def warn(self, text: str) -> None:
        """Say what the user should know before days of work."""


class _SilentTask:
    def advance(self, count: int = 1) -> None:
        pass

    def expect(self, total: int) -> None:
        pass

    def describe(self, text: str) -> None:
        pass


class Silent:
    """Progress that nobody watches. Warnings are not lost: they go to standard error."""

    @contextlib.contextmanager
    def task(self, name: str, total: int | None, unit: str) -> Iterator[Task]:  # noqa: ARG002 - the protocol's
        """Open a stage that says nothing."""
        yield _SilentTask()

    def warn(self, text: str) -> None:
        """Write one line to standard error."""
        sys.stderr.write(f"imagenet-think: warning: {text}\n")

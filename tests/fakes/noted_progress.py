"""Progress that remembers what it was told."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.progress import Task


@dataclass
class NotedTask:
    name: str
    total: int | None
    done: int = 0
    note: str = ""

    def advance(self, count: int = 1) -> None:
        self.done += count

    def expect(self, total: int) -> None:
        self.total = total

    def describe(self, text: str) -> None:
        self.note = text


@dataclass
class NotedProgress:
    tasks: list[NotedTask] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def task(self, name: str, total: int | None, unit: str) -> Iterator[Task]:  # noqa: ARG002 - the protocol's
        self.tasks.append(NotedTask(name, total))
        yield self.tasks[-1]

    def warn(self, text: str) -> None:
        self.warnings.append(text)

"""What a person sees of a flow run on a worker: a progress artifact while it goes on, tables when it is done.

All of it is for looking at. A server that is away makes it late, and never holds the work up or ends it.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import ParamSpec
from uuid import UUID

from flows import environment

environment.prepare_environment()

import httpx  # noqa: E402
from prefect.client.orchestration import get_client  # noqa: E402
from prefect.client.schemas import State  # noqa: E402
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate  # noqa: E402
from prefect.context import FlowRunContext  # noqa: E402
from prefect.exceptions import PrefectException  # noqa: E402
from prefect.logging import get_run_logger  # noqa: E402
from prefect.states import Failed  # noqa: E402

from flows.cluster.tables import Row  # noqa: E402
from pipeline import progress as contract  # noqa: E402
from schemas.errors import ImageNetThinkError  # noqa: E402

Parameters = ParamSpec("Parameters")

SECONDS_BETWEEN_UPDATES = 15.0
"""Of a progress artifact: soon enough for somebody who looks, and few requests for a server with many workers."""

_ABSENCE = (httpx.HTTPError, PrefectException)
"""What the client raises while the server is away."""


_RUN: ContextVar[UUID | None] = ContextVar("run", default=None)


def this_run() -> UUID | None:
    """The flow run that a worker started this process for; ``None`` where somebody watches a terminal instead."""
    return _RUN.get()


def reported(function: Callable[Parameters, None]) -> Callable[Parameters, State[None] | None]:
    """Have a flow's function say on its flow run, when it is a deployment's, what it says on a terminal elsewhere.

    What is somebody's to mend becomes the message of a failed state, in one line and without a traceback.
    """

    @functools.wraps(function)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> State[None] | None:
        context = FlowRunContext.get()
        this = context.flow_run if context is not None else None
        if this is None or this.deployment_id is None:
            function(*args, **kwargs)
            return None
        token = _RUN.set(this.id)
        try:
            function(*args, **kwargs)
        except ImageNetThinkError as error:
            return Failed(message=str(error))
        finally:
            _RUN.reset(token)
        return None

    # Prefect reads annotations as names of this module; the function's own are those of another
    run.__signature__ = inspect.signature(function, eval_str=True)  # type: ignore[attr-defined]
    return run


def progress_of_run() -> contract.Progress:
    """Where a flow that only runs as a deployment tells how it advances; nowhere where it was called otherwise."""
    run = this_run()
    return contract.Silent() if run is None else RunProgress(run)


class RunProgress:
    """Progress as artifacts of a flow run; warnings go to the run's log.

    Args:
        run: the flow run.
    """

    def __init__(self, run: UUID) -> None:
        self._run = run

    @contextlib.contextmanager
    def task(self, name: str, total: int | None, unit: str) -> Iterator[contract.Task]:
        """Show a stage while the block runs, from a thread of its own: the engine never waits for the server."""
        task, done = _Task(total), threading.Event()
        shown = _ShownTask(self._run, name, unit, task)
        thread = threading.Thread(target=shown.keep_up, args=(done,), name=f"show {name}", daemon=True)
        thread.start()
        try:
            yield task
        finally:
            done.set()
            thread.join(SECONDS_BETWEEN_UPDATES)

    def warn(self, text: str) -> None:
        """Log it."""
        get_run_logger().warning(text)


def show_table(key: str, rows: Sequence[Row], description: str) -> None:
    """Show a table with the flow run of this process, if a worker started it."""
    _show(key, "table", json.dumps(rows), description)


def show_text(key: str, markdown: str, description: str) -> None:
    """Show a text in Markdown, likewise."""
    _show(key, "markdown", markdown, description)


def _show(key: str, kind: str, data: str, description: str) -> None:
    run = this_run()
    if run is not None:
        shown = ArtifactCreate(key=_to_key(key), type=kind, description=description, data=data, flow_run_id=run)
        with contextlib.suppress(*_ABSENCE), get_client(sync_client=True) as client:
            client.create_artifact(shown)


class _Task:
    """One stage at work, as its thread left it."""

    def __init__(self, total: int | None) -> None:
        self.total = total
        self.done = 0
        self.note = ""

    def advance(self, count: int = 1) -> None:
        self.done += count

    def expect(self, total: int) -> None:
        self.total = total

    def describe(self, text: str) -> None:
        self.note = text


class _ShownTask:
    """A stage's progress artifact."""

    def __init__(self, run: UUID, name: str, unit: str, task: _Task) -> None:
        self._run = run
        self._name = name
        self._unit = unit
        self._task = task
        self._artifact: UUID | None = None

    def keep_up(self, done: threading.Event) -> None:
        """Bring the artifact up to date now and then, and once more at the end."""
        is_last = False
        while not is_last:
            is_last = done.wait(SECONDS_BETWEEN_UPDATES if self._artifact else 1.0)
            with contextlib.suppress(*_ABSENCE):
                self._show()

    def _show(self) -> None:
        percent = 100.0 * self._task.done / self._task.total if self._task.total else 0.0
        text = f"{self._name}: {self._task.done:,} of {self._task.total or 0:,} {self._unit}. {self._task.note}"
        with get_client(sync_client=True) as client:
            if self._artifact is None:
                created = ArtifactCreate(
                    key=_to_key(f"progress-{self._name}"),
                    type="progress",
                    description=text,
                    data=percent,
                    flow_run_id=self._run,
                )
                self._artifact = client.create_artifact(created).id
            else:
                client.update_artifact(self._artifact, ArtifactUpdate(description=text, data=percent))


def _to_key(name: str) -> str:
    """Small letters, digits and dashes: what the server takes for an artifact's key."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")

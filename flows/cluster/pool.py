"""A Prefect work pool as the dispatcher sees it. Prefect is the queue; what was done is in the ledger."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from flows import environment

environment.prepare_environment()

import httpx  # noqa: E402
from prefect.client.orchestration import SyncPrefectClient, get_client  # noqa: E402
from prefect.client.schemas.filters import (  # noqa: E402
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, State, StateType, WorkerStatus  # noqa: E402
from prefect.deployments import run_deployment  # noqa: E402
from prefect.exceptions import ObjectNotFound  # noqa: E402
from prefect.states import Cancelled, Cancelling, Crashed  # noqa: E402

from pipeline.dispatch import PoolRun, PoolUnavailableError, RunState  # noqa: E402
from schemas.errors import ConfigError, ImageNetThinkError  # noqa: E402

FLOW = "generate"
"""The flow whose deployments run chunks; a deployment is named for its pool."""

TAG = "imagenet-think"
_RUN, _TEACHER, _CHUNK = "run:", "teacher:", "chunk:"

_STATES = {
    StateType.SCHEDULED: RunState.QUEUED,
    StateType.PENDING: RunState.TAKEN,
    StateType.RUNNING: RunState.RUNNING,
    StateType.CANCELLING: RunState.RUNNING,
    StateType.PAUSED: RunState.RUNNING,
    StateType.COMPLETED: RunState.DONE,
    StateType.CANCELLED: RunState.STOPPED,
    StateType.FAILED: RunState.FAILED,
    StateType.CRASHED: RunState.FAILED,
}
_LIVE = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.CANCELLING, StateType.PAUSED]

MOST_RUNS = 1024
"""What generation.where.outstanding may be at most."""

_PAGE = 200
"""Flow runs in one answer, at most: the server's own limit."""

_CANCEL_SECONDS = 300.0
"""A worker kills a cancelled run within half a minute. One that is still there after this has no worker any more."""

_WAITED_OUT = frozenset({408, 425, 429})
"""Statuses that pass, with all from 500 on."""


def tags_of(run_id: str, teacher: str, chunk: str) -> list[str]:
    """What a chunk's run is found by, here and in the user interface."""
    return [TAG, f"{_RUN}{run_id}", f"{_TEACHER}{teacher}", f"{_CHUNK}{chunk}"]


class PrefectPool:
    """One build's runs on one work pool; a context manager. The protocol is ``pipeline.dispatch.Pool``.

    Args:
        run_dir: the build's run directory, as workers find it.
        run_id: what its runs are tagged with.
        work_pool: the pool's name, which is that of the deployment too.
    """

    def __init__(self, run_dir: str, run_id: str, work_pool: str) -> None:
        self._run_dir = run_dir
        self._run_id = run_id
        self._work_pool = work_pool
        self._client: SyncPrefectClient = get_client(sync_client=True)

    def __enter__(self) -> Self:
        self._client.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.__exit__(kind, error, trace)

    def count_workers(self) -> int:
        """Workers of the pool whose heartbeats the server hears, or how many runs at once they may start elsewhere.

        Raises:
            ConfigError: there is no such pool.
            PoolUnavailableError: the server cannot be asked.
        """
        with absence_told(f"the Prefect server has no work pool {self._work_pool}"):
            pool = self._client.read_work_pool(self._work_pool)
            workers = self._client.read_workers_for_work_pool(self._work_pool)
        online = sum(worker.status == WorkerStatus.ONLINE for worker in workers)
        if online and pool.type != "process":
            # such a worker starts jobs on other machines, as many as the pool allows
            return pool.concurrency_limit or MOST_RUNS
        return online

    def list_live(self) -> Sequence[PoolRun]:
        """Runs of this build that have not ended.

        Raises:
            PoolUnavailableError: the server cannot be asked.
        """
        return self._find(tags=[f"{_RUN}{self._run_id}"])

    def look_up(self, runs: Collection[str]) -> Sequence[PoolRun]:
        """The named runs as they are now.

        Raises:
            PoolUnavailableError: the server cannot be asked.
        """
        ids = [UUID(run) for run in runs]
        found: list[FlowRun] = []
        with absence_told("the Prefect server lost these runs"):
            for start in range(0, len(ids), _PAGE):
                wanted = FlowRunFilter(id=FlowRunFilterId(any_=ids[start : start + _PAGE]))
                found += self._client.read_flow_runs(flow_run_filter=wanted, limit=_PAGE)
        return [_to_run(run) for run in found]

    def submit(self, teacher: str, chunk: str) -> PoolRun:
        """Make a flow run of a chunk, or find the one that an answer was lost about.

        Raises:
            ConfigError: the deployment does not exist.
            PoolUnavailableError: the server cannot be asked.
        """
        there = self._find(tags=[f"{_RUN}{self._run_id}", f"{_CHUNK}{chunk}"])
        if there:
            return there[0]
        with absence_told(f"the Prefect server has no deployment {FLOW}/{self._work_pool}"):
            run = run_deployment(
                f"{FLOW}/{self._work_pool}",
                parameters={"run_dir": self._run_dir, "teacher": teacher, "chunk": chunk},
                flow_run_name=f"{FLOW} {teacher} {chunk}",
                tags=tags_of(self._run_id, teacher, chunk),
                timeout=0,
            )
        assert isinstance(run, FlowRun)  # and no coroutine, which it would be inside an event loop
        return _to_run(run)

    def give_up(self, run: PoolRun, reason: str) -> None:
        """End a run by its state. Who still works on it is told by his worker, if he has one.

        Raises:
            PoolUnavailableError: the server cannot be asked.
        """
        with absence_told("the Prefect server lost this run"):
            state = self._client.read_flow_run(UUID(run.id)).state
            if state is not None and (end := _end_of(state, reason)) is not None:
                self._client.set_flow_run_state(UUID(run.id), end, force=True)

    def _find(self, tags: list[str]) -> list[PoolRun]:
        wanted = FlowRunFilter(
            tags=FlowRunFilterTags(all_=tags), state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_LIVE))
        )
        found: list[FlowRun] = []
        with absence_told("the Prefect server lists no flow runs"):
            while True:
                page = self._client.read_flow_runs(flow_run_filter=wanted, limit=_PAGE, offset=len(found))
                found += page
                if len(page) < _PAGE:
                    # a run may have moved from one page to the next while they were read
                    return list({run.id: _to_run(run) for run in found}.values())


def _to_run(run: FlowRun) -> PoolRun:
    tags = {kind: tag.removeprefix(kind) for tag in run.tags for kind in (_TEACHER, _CHUNK) if tag.startswith(kind)}
    state = run.state
    return PoolRun(
        id=str(run.id),
        teacher=tags.get(_TEACHER, ""),
        chunk=tags.get(_CHUNK, ""),
        state=_STATES[state.type] if state is not None else RunState.QUEUED,
        message=(state.message or "") if state is not None else "",
    )


def _end_of(state: State[Any], reason: str) -> State[Any] | None:
    """The state that ends a run which nobody waits for any more; ``None`` where it has ended, or is about to."""
    match state.type:
        case StateType.SCHEDULED:
            return Cancelled(message=reason)
        case StateType.PENDING:
            return Crashed(message=reason)
        case StateType.RUNNING | StateType.PAUSED:
            return Cancelling(message=reason)
        case StateType.CANCELLING:
            age = dt.datetime.now(dt.UTC) - state.timestamp
            return Crashed(message=reason) if age.total_seconds() > _CANCEL_SECONDS else None
        case _:
            return None


def _explain_missing(what: str) -> ConfigError:
    return ConfigError(
        what, "imagenet-think deploy makes those of the pools cpu and gpu; for others see docs/cluster.md"
    )


@contextlib.contextmanager
def absence_told(missing: str) -> Iterator[None]:
    """Turn what the client says into what the dispatcher waits out, or somebody must mend.

    Args:
        missing: what a status of 404 means.

    Raises:
        PoolUnavailableError: the server is away, or will answer otherwise later.
        ConfigError: something is not there.
        ImageNetThinkError: the server refuses for good.
    """
    try:
        yield
    except ObjectNotFound as error:
        raise _explain_missing(missing) from error
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        if status == httpx.codes.NOT_FOUND:
            raise _explain_missing(missing) from error
        if status < httpx.codes.INTERNAL_SERVER_ERROR and status not in _WAITED_OUT:
            raise ImageNetThinkError(
                f"the Prefect server refuses with status {status}",
                "check its credentials (PREFECT_API_KEY, PREFECT_API_AUTH_STRING) and versions, and see its log",
            ) from error
        raise PoolUnavailableError(f"the Prefect server answers with status {status}") from error
    except httpx.TransportError as error:
        raise PoolUnavailableError(f"the Prefect server does not answer ({error or type(error).__name__})") from error

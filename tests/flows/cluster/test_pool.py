"""What a Prefect server says, in the dispatcher's words."""

from __future__ import annotations

import datetime as dt
from uuid import uuid4

import httpx
import pytest
from prefect.client.schemas import FlowRun
from prefect.client.schemas.objects import State, StateType
from prefect.exceptions import ObjectNotFound

from flows.cluster.pool import _end_of, _to_run, absence_told, tags_of
from pipeline.dispatch import PoolUnavailableError, RunState
from pipeline.dispatch.pool import ENDED
from schemas.errors import ConfigError, ImageNetThinkError

SECRET = "pnu_0123456789"


def state(kind: StateType, age: float = 0.0) -> State[None]:
    return State(type=kind, timestamp=dt.datetime.now(dt.UTC) - dt.timedelta(seconds=age), message="so it is")


@pytest.mark.parametrize("kind", list(StateType))
def test_every_state_of_prefect_has_a_meaning(kind: StateType) -> None:
    run = FlowRun(id=uuid4(), flow_id=uuid4(), tags=tags_of("a" * 32, "glm", "b" * 16), state=state(kind))
    seen = _to_run(run)
    assert (seen.teacher, seen.chunk, seen.message) == ("glm", "b" * 16, "so it is")
    assert (seen.state in ENDED) == run.state.is_final() if run.state else False


def test_a_run_without_a_state_is_queued() -> None:
    assert _to_run(FlowRun(id=uuid4(), flow_id=uuid4())).state is RunState.QUEUED


def test_a_run_that_is_given_up_is_ended_as_its_state_asks_for() -> None:
    ends = {kind: _end_of(state(kind), "nobody hears of it") for kind in StateType}
    assert {kind: end.type for kind, end in ends.items() if end is not None} == {
        StateType.SCHEDULED: StateType.CANCELLED,
        StateType.PENDING: StateType.CRASHED,
        StateType.RUNNING: StateType.CANCELLING,
        StateType.PAUSED: StateType.CANCELLING,
    }
    late = _end_of(state(StateType.CANCELLING, age=301), "its worker is gone")
    assert late is not None
    assert late.type is StateType.CRASHED


def answer(status: int) -> httpx.HTTPStatusError:
    request = httpx.Request("POST", "http://127.0.0.1:4200/api", headers={"Authorization": f"Bearer {SECRET}"})
    return httpx.HTTPStatusError("no", request=request, response=httpx.Response(status, request=request))


@pytest.mark.parametrize(
    "error", [answer(500), answer(503), answer(429), httpx.ConnectError("refused"), httpx.ReadTimeout("")]
)
def test_an_absence_is_waited_out(error: Exception) -> None:
    with pytest.raises(PoolUnavailableError, match="the Prefect server"), absence_told("nothing is missing"):
        raise error


@pytest.mark.parametrize("error", [ObjectNotFound(http_exc=answer(404)), answer(404)])
def test_what_is_missing_is_named(error: Exception) -> None:
    with pytest.raises(ConfigError, match="no work pool gpu; imagenet-think deploy"), absence_told("no work pool gpu"):
        raise error


@pytest.mark.parametrize("status", [401, 403, 409, 422])
def test_a_refusal_is_told_in_one_line_without_its_secrets(status: int) -> None:
    with pytest.raises(ImageNetThinkError, match=f"status {status}") as refusal, absence_told("nothing is missing"):
        raise answer(status)
    assert SECRET not in str(refusal.value)
    assert not isinstance(refusal.value, PoolUnavailableError)

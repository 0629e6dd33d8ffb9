"""The automation that notices runs whose machine is gone. Prefect has none of its own."""

from __future__ import annotations

import datetime as dt

from flows import environment

environment.prepare_environment()

from prefect.automations import (  # noqa: E402
    Automation,
    ChangeFlowRunState,
    EventTrigger,
    Posture,
    ResourceSpecification,
)
from prefect.client.schemas.objects import StateType  # noqa: E402

from flows.cluster.pool import TAG  # noqa: E402

NAME = "imagenet-think: runs whose heartbeats stopped"

SECONDS = 180
"""Without a heartbeat, which comes every 30 s. Servers under load are late with them, and a run that is taken for dead
is only waited for a little; so rather long."""

_HEARTBEAT = "prefect.flow-run.heartbeat"
_ENDS = ("Completed", "Failed", "Cancelled", "Crashed", "AwaitingRetry", "Scheduled", "Paused", "Suspended")
"""After these no heartbeat is due: a run that was handed on may wait for a worker for hours."""


def build_automation(seconds: float = SECONDS) -> Automation:
    """A flow run of ours that sent heartbeats and stops without having ended becomes Crashed after so many seconds."""
    return Automation(
        name=NAME,
        description="Marks flow runs Crashed whose worker or machine is gone, so that builds hand their images on.",
        trigger=EventTrigger(
            after={_HEARTBEAT},
            expect={_HEARTBEAT, *(f"prefect.flow-run.{state}" for state in _ENDS)},
            match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
            match_related=ResourceSpecification(
                {"prefect.resource.id": [f"prefect.tag.{TAG}"], "prefect.resource.role": ["tag"]}
            ),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=dt.timedelta(seconds=seconds),
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message="its heartbeats stopped")],
    )


def apply_automation(seconds: float = SECONDS) -> bool:
    """Make the automation, or bring the one of its name up to date.

    Returns:
        Whether it is new.
    """
    wanted = build_automation(seconds)
    try:
        there = Automation.read(name=NAME, _sync=True)  # type: ignore[call-overload]  # inside an event loop it would wait
    except ValueError:
        wanted.create()
        return True
    wanted.id = there.id
    wanted.update()
    return False

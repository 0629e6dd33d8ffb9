"""A build as a flow run of its deployment, for whoever does not want to stay its parent."""

from __future__ import annotations

from typing import NamedTuple

from flows import environment

environment.prepare_environment()

from prefect.client.schemas import FlowRun  # noqa: E402
from prefect.deployments import run_deployment  # noqa: E402
from prefect.settings import PREFECT_API_URL  # noqa: E402

from flows.cluster.pool import TAG, absence_told  # noqa: E402
from schemas.config import BuildConfig  # noqa: E402
from schemas.errors import ConfigError  # noqa: E402

DEPLOYMENT = "build/cpu"


class Submitted(NamedTuple):
    """A flow run that waits for a worker.

    Args:
        name: what it is called.
        url: where the server's user interface shows it.
    """

    name: str
    url: str


def submit(config: BuildConfig, run_dir: str) -> Submitted:
    """Hand a build to a worker.

    Args:
        config: the build; its paths are absolute by now, and must mean the same to the worker.
        run_dir: its run directory, likewise, or that one's address.

    Raises:
        ConfigError: no Prefect server is named, or it has no such deployment.
        PoolUnavailableError: it does not answer.
    """
    if environment.is_embedded():
        raise ConfigError("--submit: PREFECT_API_URL names no Prefect server", "set it, or build without --submit")
    with absence_told(f"the Prefect server has no deployment {DEPLOYMENT}"):
        run = run_deployment(
            DEPLOYMENT,
            parameters={"run_dir": run_dir, "config": config.model_dump(mode="json")},
            tags=[TAG],
            timeout=0,
        )
    assert isinstance(run, FlowRun)  # and no coroutine, which it would be inside an event loop
    base = (PREFECT_API_URL.value() or "").removesuffix("/").removesuffix("/api")
    return Submitted(run.name, f"{base}/runs/flow-run/{run.id}")

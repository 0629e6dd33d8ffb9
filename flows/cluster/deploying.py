"""Everything that a Prefect server must know before builds run on it: pools, deployments, the automation."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows import environment

environment.prepare_environment()

import httpx  # noqa: E402
import yaml  # noqa: E402
from prefect.client.orchestration import get_client  # noqa: E402
from prefect.client.schemas.actions import WorkPoolCreate  # noqa: E402
from prefect.exceptions import ObjectAlreadyExists  # noqa: E402
from prefect.settings import PREFECT_API_URL  # noqa: E402

from flows.cluster.automations import NAME, apply_automation  # noqa: E402
from schemas.errors import ConfigError, ImageNetThinkError  # noqa: E402

PREFECT_FILE = Path(__file__).with_name("prefect.yaml")
"""The deployments. ``prefect.yaml`` at the top of a clone is the same file."""

POOL_TYPE = "process"
"""Of pools that are made here. Those that are there already, of whatever type, are left as they are."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One entry of the file."""

    flow: str
    pool: str

    def __str__(self) -> str:
        return f"{self.flow}/{self.pool}"


def read_deployments(file: Path = PREFECT_FILE) -> list[Deployment]:
    """What the file deploys, in its order."""
    entries: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))["deployments"]
    return [Deployment(entry["entrypoint"].rpartition(".")[2], entry["work_pool"]["name"]) for entry in entries]


def deploy(*, dry_run: bool = False) -> Iterator[str]:
    """Bring the server up to date, and say each thing that was done. What is there already is only brought up to date.

    Args:
        dry_run: say what would be done, and ask no server.

    Yields:
        A line for each pool, deployment and automation.

    Raises:
        ConfigError: no server is named.
        ImageNetThinkError: the server refuses, or does not answer.
    """
    if environment.is_embedded():
        raise ConfigError(
            "PREFECT_API_URL names no Prefect server to deploy to", "start one (docs/cluster.md) and set the variable"
        )
    deployments = read_deployments()
    pools = dict.fromkeys(deployment.pool for deployment in deployments)
    try:
        for pool in pools:
            yield f"work pool {pool}: {'made where it is missing' if dry_run else _make_pool(pool)}"
        if not dry_run:
            _apply_file()
        yield from (f"deployment {deployment}" for deployment in deployments)
        what = "made or brought up to date" if dry_run else "made" if apply_automation() else "brought up to date"
        yield f'automation "{NAME}": {what}'
    except httpx.HTTPError as error:
        raise ImageNetThinkError(
            f"the Prefect server at {PREFECT_API_URL.value()} cannot be deployed to ({error or type(error).__name__})",
            "see that it runs and that PREFECT_API_URL and its credentials are right, then run the same command again",
        ) from error


def _make_pool(name: str) -> str:
    with get_client(sync_client=True) as client:
        try:
            client.create_work_pool(WorkPoolCreate(name=name, type=POOL_TYPE))
        except ObjectAlreadyExists:
            return "there already"
    return f"made, of type {POOL_TYPE}"


def _apply_file() -> None:
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(PREFECT_FILE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own interpreter
    if done.returncode:
        said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise ImageNetThinkError(
            f"{PREFECT_FILE}: not deployed ({said[-1] if said else f'exit code {done.returncode}'})",
            f"see what prefect --no-prompt deploy --all --prefect-file {PREFECT_FILE} says",
        )

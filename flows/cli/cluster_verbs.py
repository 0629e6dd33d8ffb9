"""Verbs of a cluster: prepare its Prefect server, run a worker."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from flows.cli.app import app


@app.command()
def worker(
    pool: Annotated[str, typer.Option(help="Work pool to work for.")] = "gpu",
    gpus: Annotated[
        str | None,
        typer.Option(metavar="0,1", help="GPUs of this worker; CUDA_VISIBLE_DEVICES, or else all, when left out."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What it is called; host and GPUs when left out.")] = None,
    grace: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="What a run gets to hand itself on when this is stopped.")
    ] = 25.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the command, and start nothing.")] = False,
) -> None:
    """Work for a pool, on one group of GPUs, until stopped; one run at a time. SIGTERM hands the run on first."""
    from flows.cluster.launcher import WorkerOptions, plan_worker, run_worker  # noqa: PLC0415 - verbs load their needs

    command, environment = plan_worker(WorkerOptions(pool, gpus, name, grace))
    if dry_run:
        settings = [f"{key}={value}" for key, value in environment.items() if key != "PATH"]
        typer.echo(shlex.join(["env", *settings, *command]))
        return
    raise typer.Exit(run_worker(command, environment, grace))


@app.command()
def deploy(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
) -> None:
    """Make work pools, deployments and the automation for lost runs on the server that PREFECT_API_URL names."""
    from flows.cluster.deploying import deploy as apply  # noqa: PLC0415 - Prefect takes its time

    for line in apply(dry_run=dry_run):
        typer.echo(line)

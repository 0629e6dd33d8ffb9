"""The generation stage on a work pool: the dispatcher, with Prefect as its queue."""

from __future__ import annotations

from collections.abc import Sequence

from flows import environment
from flows.at_work import mirror_of
from flows.cluster.pool import PrefectPool
from pipeline.dispatch import SHARED_DISK, Store, claim_run_id, dispatch, open_dispatcher
from pipeline.stages import Build
from schemas.config import WorkPoolConfig
from schemas.errors import ConfigError


def check_server(where: WorkPoolConfig | None) -> None:
    """Meet a build on a work pool without a server to ask.

    Raises:
        ConfigError: the configuration names a work pool, and the environment no Prefect server.
    """
    if where is not None and environment.is_embedded():
        raise ConfigError(
            f"generation.where names the work pool {where.work_pool}, and PREFECT_API_URL no Prefect server",
            "set PREFECT_API_URL, or remove generation.where to ask the teachers in this process (docs/cluster.md)",
        )


def generate_on_pool(build: Build, where: WorkPoolConfig, teachers: Sequence[str]) -> None:
    """Have a pool's workers ask these teachers about everything that is missing, and wait for it.

    Raises:
        ConfigError: no server is named, or it has no such pool or deployment.
        EngineError: too many runs in a row broke off without settling an image.
        RunDirectoryError: the ledger is damaged, or was written in another way of generating.
        SourceError: see :func:`pipeline.dispatch.open_dispatcher`.
    """
    check_server(where)
    path, store = build.run.path, SHARED_DISK
    mirror = mirror_of(path, build.progress)
    if mirror is not None:
        mirror.pull("chunks")
        store = Store(fetch=lambda: mirror.pull("ledger", "chunks"), keep=mirror.put)
    run_id = claim_run_id(build.run.chunks)
    if mirror is not None:
        mirror.push("chunks")  # the run's id, for whoever is the parent elsewhere
    run_dir = str(path.resolve()) if mirror is None else mirror.url
    with PrefectPool(run_dir, run_id, where.work_pool) as pool:
        dispatch(open_dispatcher(build, pool, where, teachers, store), where.poll_seconds, build.progress)

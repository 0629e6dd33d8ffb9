"""A flow run that ends, however it ends, leaves no engine and no memory behind, and its worker takes the next one."""

from __future__ import annotations

import json
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.cluster.world import Cluster, Server, cluster_in, free_port, process_of, run_verb
from tests.collections import make_collection
from tests.processes import is_gone, wait_until
from tests.vllm.engines import GLM, vllm_settings
from tests.vllm.script import VARIABLE
from tests.vllm.test_build import CLASSES, SEED, write_texts

# three loads of an engine beside a server and a worker: `make vllm-cluster`, on a machine with nothing else to do
pytestmark = [pytest.mark.vllm, pytest.mark.cluster]

LOAD_SECONDS = 240.0
"""For a flow run to come to its first row, on a machine that has other things to do."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of a short name: vLLM's processes meet at sockets in the temporary folder, whose paths have a limit."""
    with tempfile.TemporaryDirectory(prefix="runs-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def cluster(folder: Path, tiny_glm: Path) -> Iterator[Cluster]:
    server = Server(folder / "server", free_port())
    server.home.mkdir()
    server.start()
    try:
        run_verb(server, "deploy")
        with cluster_in(server, folder, **{VARIABLE: str(write_texts(folder, {GLM: tiny_glm}))}) as cluster:
            yield cluster
    finally:
        server.kill()


def write_config(folder: Path, checkpoint: Path) -> Path:
    """One long chunk, so that every run of it is disturbed in its middle."""
    make_collection(folder / "images", "tars", CLASSES, 8)
    where = {"work_pool": "gpu", "images_per_minute": {GLM: 100}, "poll_seconds": 0.5, "settle_seconds": 1}
    config = {
        "seed": SEED,
        "source": {"path": "images"},
        "selection": {"holdout": {"synset_share": 0, "image_share": 0.3}},
        "generation": {"max_concurrency": 1, "part_seconds": 0.1, "part_rows": 1, "where": where},
        "teachers": [
            {
                "name": GLM,
                "engine": vllm_settings(checkpoint).model_dump(mode="json", exclude_none=True),
                "sampling": {"max_tokens": 600},
            }
        ],
    }
    path = folder / "build.yaml"
    path.write_text(json.dumps(config))
    return path


def engine_of(cluster: Cluster, launcher: int) -> psutil.Process:
    """The engine's own process, once the run asks."""
    rows = len(cluster.landed())
    wait_until(lambda: len(cluster.landed()) > rows, LOAD_SECONDS)
    family = psutil.Process(launcher).children(recursive=True)
    (engine,) = (process for process in family if "EngineCor" in process.name())
    return engine


def test_no_engine_outlives_a_run_that_is_killed_cancelled_or_preempted(cluster: Cluster, tiny_glm: Path) -> None:
    launcher = cluster.start_worker("first")
    cluster.start_build(write_config(cluster.folder, tiny_glm))

    engine = engine_of(cluster, launcher.pid)
    process_of(launcher.pid, "prefect.engine").kill()
    wait_until(lambda: is_gone(engine.pid), seconds=20)

    engine = engine_of(cluster, launcher.pid)
    running = process_of(launcher.pid, "execute").environ()["PREFECT__FLOW_RUN_ID"]
    cluster.server.ask(f"flow_runs/{running}/set_state", state={"type": "CANCELLING"}, force=True)
    wait_until(lambda: is_gone(engine.pid), seconds=60)

    engine = engine_of(cluster, launcher.pid)
    launcher.terminate()
    assert launcher.wait(60) == 128 + signal.SIGTERM
    assert is_gone(engine.pid)
    assert not cluster.strays()
    rows = cluster.landed()
    assert len(rows) == len({row.split()[1] for row in rows}) >= 3, "no image that had landed was asked again"

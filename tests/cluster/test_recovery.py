"""Whatever is killed, the build ends by itself with the same bytes, and nothing that landed is asked again."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable

import psutil
import pytest

from tests.cluster.world import Cluster, process_of, write_config
from tests.processes import is_gone, wait_until

pytestmark = pytest.mark.cluster

ENGINE = "prefect.engine"
"""The process of a flow run."""
EXECUTE = "execute"
"""The process that starts it and says what became of it."""
WORKER = "worker"


def survive(cluster: Cluster, disturb: Callable[[], None], expected: str, build: subprocess.Popen[bytes]) -> None:
    """Disturb a build in its middle, and hold what comes of it against an undisturbed one."""
    cluster.wait_for_rows(12)
    disturb()
    landed, before = cluster.landed(), len(cluster.asked())
    assert cluster.finish(build) == expected
    again = landed & set(cluster.asked()[before:])
    assert not again, "a request whose row had landed was asked again"


def test_a_flow_run_that_is_killed(cluster: Cluster, undisturbed: str) -> None:
    first, _ = cluster.start_worker("first", "0"), cluster.start_worker("second", "1")
    build = cluster.start_build(write_config(cluster.folder))
    survive(cluster, lambda: process_of(first.pid, ENGINE).kill(), undisturbed, build)


def test_a_worker_that_is_killed_has_its_run_handed_on(cluster: Cluster, undisturbed: str) -> None:
    first, _ = cluster.start_worker("first", "0"), cluster.start_worker("second", "1")
    build = cluster.start_build(write_config(cluster.folder))
    survive(cluster, lambda: process_of(first.pid, WORKER, "start").kill(), undisturbed, build)
    assert "the worker ended (exit code -9); started again" in (cluster.folder / "first.log").read_text()


def test_a_server_that_is_killed_and_comes_back(cluster: Cluster, undisturbed: str) -> None:
    cluster.start_worker("first", "0"), cluster.start_worker("second", "1")
    build = cluster.start_build(write_config(cluster.folder))

    def disturb() -> None:
        cluster.server.kill()
        rows = len(cluster.landed())
        wait_until(lambda: len(cluster.landed()) > rows)  # what runs goes on without it
        cluster.server.start()

    survive(cluster, disturb, undisturbed, build)


def test_a_parent_that_is_killed_and_started_again_adopts_what_runs(cluster: Cluster, undisturbed: str) -> None:
    cluster.start_worker("first", "0"), cluster.start_worker("second", "1")
    config = write_config(cluster.folder)
    build = cluster.start_build(config)
    cluster.wait_for_rows(12)
    build.kill()
    build.wait()
    again = cluster.start_build(config)
    survive(cluster, lambda: None, undisturbed, again)
    assert len(cluster.asked()) == len(set(cluster.asked())), "no work was doubled"


def test_a_preempted_worker_flushes_its_ledger_and_hands_its_run_on(cluster: Cluster, undisturbed: str) -> None:
    first, _ = cluster.start_worker("first", "0"), cluster.start_worker("second", "1")
    build = cluster.start_build(write_config(cluster.folder))
    engine: list[psutil.Process] = []

    def disturb() -> None:
        engine.append(process_of(first.pid, ENGINE))
        first.terminate()
        assert first.wait(30) == 128 + signal.SIGTERM
        assert is_gone(engine[0].pid)

    survive(cluster, disturb, undisturbed, build)
    states = [run["state_type"] for run in cluster.server.runs("generate", tags={"all_": [f"run:{run_id(cluster)}"]})]
    assert set(states) == {"COMPLETED"}, "the run that was handed on was finished by another worker, and none crashed"


def test_a_machine_that_is_lost_is_noticed_by_its_silence(cluster: Cluster, undisturbed: str) -> None:
    apply = "from flows.cluster.automations import apply_automation; apply_automation(40)"
    subprocess.run([sys.executable, "-c", apply], env=cluster.server.env, check=True, timeout=60)
    first, _ = cluster.start_worker("first", "0"), cluster.start_worker("second", "1")
    build = cluster.start_build(write_config(cluster.folder, outstanding=2))

    def disturb() -> None:
        lost = [psutil.Process(first.pid), *psutil.Process(first.pid).children(recursive=True)]
        for process in lost:
            process.suspend()  # none of them may act on another's end
        for process in lost:
            process.kill()

    survive(cluster, disturb, undisturbed, build)
    (crashed,) = (
        run for run in cluster.server.runs("generate") if "heartbeats stopped" in (run["state"]["message"] or "")
    )
    assert f"run:{run_id(cluster)}" in crashed["tags"]


def test_a_cancelled_run_ends_its_process_and_its_images_go_to_another(cluster: Cluster, undisturbed: str) -> None:
    first, _ = cluster.start_worker("first", "0"), cluster.start_worker("second", "1")
    build = cluster.start_build(write_config(cluster.folder))

    def disturb() -> None:
        engine = process_of(first.pid, ENGINE)
        running = process_of(first.pid, EXECUTE).environ()["PREFECT__FLOW_RUN_ID"]
        cluster.server.ask(f"flow_runs/{running}/set_state", state={"type": "CANCELLING"}, force=True)
        wait_until(lambda: is_gone(engine.pid), seconds=45)

    survive(cluster, disturb, undisturbed, build)


def run_id(cluster: Cluster) -> str:
    return (cluster.run_dir / "chunks" / "run-id").read_text()

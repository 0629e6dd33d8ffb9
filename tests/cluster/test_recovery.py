"""Whatever is killed, the build ends by itself with the same bytes, and nothing that landed is asked again."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import psutil
import pytest

from flows.cluster.automations import SECONDS
from tests.cluster.world import TEACHERS, Cluster, process_of, write_config
from tests.processes import is_gone, wait_until

pytestmark = pytest.mark.cluster

ENGINE = "prefect.engine"
"""The process of a flow run."""
EXECUTE = "execute"
"""The process that starts it, and says what became of it."""
WORKER = "worker"


class Disturbed:
    """A build on two workers that is disturbed in its middle, again and again."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.first = cluster.start_worker("first", "0")
        self.second = cluster.start_worker("second", "1")
        # slow enough for runs to last until they are disturbed, on a machine that has other things to do
        self.config = write_config(cluster.folder, teachers=TEACHERS[:1], delay=1.5)
        self.build = cluster.start_build(self.config)
        self._twice: set[str] = set()

    def disturb(self, how: Callable[[], object]) -> None:
        """Wait until more has landed, do something, and note what engines are asked from then on."""
        self.cluster.wait_for_rows(len(self.cluster.landed()) + 6)
        how()
        landed, before = self.cluster.landed(), len(self.cluster.asked())
        self._twice |= {f"{before} {request}" for request in landed}

    def finish(self) -> str:
        """The sums of the dataset, once it was made sure that nothing that had landed was asked again."""
        sums = self.cluster.finish(self.build)
        asked = self.cluster.asked()
        again = [entry for entry in self._twice if entry.partition(" ")[2] in asked[int(entry.partition(" ")[0]) :]]
        assert not again, "requests whose rows had landed were asked again"
        return sums

    def kill(self, launcher: subprocess.Popen[bytes], *words: str) -> None:
        """Kill a descendant of a launcher."""
        process_of(launcher.pid, *words).kill()


def test_flow_runs_that_are_killed_and_cancelled(cluster: Cluster, undisturbed_with_one: str) -> None:
    build = Disturbed(cluster)

    def cancel() -> None:
        engine = process_of(build.second.pid, ENGINE)
        running = process_of(build.second.pid, EXECUTE).environ()["PREFECT__FLOW_RUN_ID"]
        cluster.server.ask(f"flow_runs/{running}/set_state", state={"type": "CANCELLING"}, force=True)
        wait_until(lambda: is_gone(engine.pid), seconds=45)

    build.disturb(lambda: build.kill(build.first, ENGINE))
    build.disturb(cancel)
    assert build.finish() == undisturbed_with_one


def test_workers_that_are_killed_and_preempted_hand_their_runs_on(cluster: Cluster, undisturbed_with_one: str) -> None:
    build = Disturbed(cluster)

    def preempt() -> None:
        engine = process_of(build.second.pid, ENGINE)
        build.second.terminate()
        assert build.second.wait(30) == 128 + signal.SIGTERM
        assert is_gone(engine.pid)

    build.disturb(lambda: build.kill(build.first, WORKER, "start"))
    build.disturb(preempt)
    assert build.finish() == undisturbed_with_one
    assert "the worker ended (exit code -9)" in (cluster.folder / "first.log").read_text()
    states = [run["state_type"] for run in cluster.server.runs("generate", tags={"all_": [f"run:{run_id(cluster)}"]})]
    assert set(states) == {"COMPLETED"}, "other workers finished what was handed on; nothing crashed"


def test_a_server_that_is_killed_and_comes_back(cluster: Cluster, undisturbed_with_one: str) -> None:
    build = Disturbed(cluster)

    def restart() -> None:
        cluster.server.kill()
        rows = len(cluster.landed())
        wait_until(lambda: len(cluster.landed()) > rows)  # what runs goes on without it
        cluster.server.start()

    build.disturb(restart)
    assert build.finish() == undisturbed_with_one


def test_a_parent_that_is_killed_and_started_again_adopts_what_runs(
    cluster: Cluster, undisturbed_with_one: str
) -> None:
    build = Disturbed(cluster)

    def restart() -> None:
        build.build.kill()
        build.build.wait()
        build.build = cluster.start_build(build.config)

    build.disturb(restart)
    assert build.finish() == undisturbed_with_one
    assert len(cluster.asked()) == len(set(cluster.asked())), "no work was doubled"


def test_a_machine_that_is_lost_is_noticed_by_its_silence(cluster: Cluster, undisturbed_with_one: str) -> None:
    build = Disturbed(cluster)

    def lose() -> None:
        lost = [psutil.Process(build.first.pid), *psutil.Process(build.first.pid).children(recursive=True)]
        for process in lost:
            process.suspend()  # none of them may act on another's end
        for process in lost:
            process.kill()

    with patience(cluster, seconds=40):
        build.disturb(lose)
        assert build.finish() == undisturbed_with_one
    ours = cluster.server.runs("generate", tags={"all_": [f"run:{run_id(cluster)}"]})
    assert any("heartbeats stopped" in (run["state"]["message"] or "") for run in ours)


def test_an_engine_that_dies_is_started_again_by_its_run(cluster: Cluster, undisturbed_with_one: str) -> None:
    cluster.start_worker("first", "0")
    config = write_config(cluster.folder, teachers=TEACHERS[:1], delay=0.05, deaths=("n07920052_4",))
    assert cluster.finish(cluster.start_build(config)) == undisturbed_with_one
    runs = cluster.server.runs("generate", tags={"all_": [f"run:{run_id(cluster)}"]})
    assert {run["state_type"] for run in runs} == {"COMPLETED"}


@contextlib.contextmanager
def patience(cluster: Cluster, seconds: int) -> Iterator[None]:
    """Have the server miss heartbeats sooner for a while."""
    _set_patience(cluster, seconds)
    try:
        yield
    finally:
        _set_patience(cluster, SECONDS)


def _set_patience(cluster: Cluster, seconds: int) -> None:
    apply = f"from flows.cluster.automations import apply_automation; apply_automation({seconds})"
    subprocess.run([sys.executable, "-c", apply], env=cluster.server.env, check=True, timeout=60)


def run_id(cluster: Cluster) -> str:
    return (cluster.run_dir / "chunks" / "run-id").read_text()

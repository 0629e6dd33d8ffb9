"""A worker is started pinned, told to stop in the right order, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from flows.cli import main
from flows.cluster.launcher import WorkerOptions, plan_worker
from schemas.errors import ConfigError
from tests.processes import is_gone, wait_until

LAUNCH = """
import sys
from flows.cluster.launcher import run_worker
sys.exit(run_worker([sys.executable, "-c", sys.argv[1], *sys.argv[3:]], {}, float(sys.argv[2]), pause=0.1))
"""

WORKER = """
import subprocess, sys, signal, time, pathlib
notes = pathlib.Path(sys.argv[1])
def note(word):
    with notes.open("a") as file:
        file.write(word + "\\n")
run = subprocess.Popen([sys.executable, "-c", sys.argv[2], str(notes)])
signal.signal(signal.SIGTERM, lambda *_: (note("worker told"), sys.exit(0)))
note("worker up")
time.sleep(600)
"""
"""Stands in for ``prefect worker start``: one child, and an end at SIGTERM."""

RUN = """
import sys, signal, time, pathlib
notes = pathlib.Path(sys.argv[1])
def note(word):
    with notes.open("a") as file:
        file.write(word + "\\n")
signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.3), note("run flushed"), sys.exit(0)))
note("run up")
time.sleep(600)
"""

LEAVING = (
    """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()"])
"""
    + RUN
)
"""Ends when it is told, and leaves an engine behind that does not."""

STUBBORN = RUN.replace('lambda *_: (time.sleep(0.3), note("run flushed"), sys.exit(0))', "signal.SIG_IGN")


def launch(
    folder: Path, run: str = RUN, grace: float = 10.0, worker: str = WORKER
) -> tuple[subprocess.Popen[bytes], Path]:
    notes = folder / "notes"
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCH, worker, str(grace), str(notes), run],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads run here
    )
    wait_until(lambda: notes.exists() and {"worker up", "run up"} <= set(notes.read_text().splitlines()))
    return launcher, notes


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_run_is_told_first_and_the_worker_after_it_has_flushed(number: signal.Signals, tmp_path: Path) -> None:
    launcher, notes = launch(tmp_path)
    family = psutil.Process(launcher.pid).children(recursive=True)
    launcher.send_signal(number)
    assert launcher.wait(20) == 128 + number
    assert notes.read_text().splitlines()[-2:] == ["run flushed", "worker told"]
    assert all(is_gone(member.pid) for member in family)


def test_a_run_that_does_not_end_within_the_grace_is_killed(tmp_path: Path) -> None:
    launcher, _ = launch(tmp_path, STUBBORN, grace=0.5)
    family = psutil.Process(launcher.pid).children(recursive=True)
    launcher.terminate()
    assert launcher.wait(20) == 143
    psutil.wait_procs(family, timeout=5)
    assert all(is_gone(member.pid) for member in family)


def test_a_second_signal_waits_for_nobody(tmp_path: Path) -> None:
    launcher, _ = launch(tmp_path, STUBBORN, grace=600)
    launcher.terminate()
    time.sleep(0.5)
    began = time.monotonic()
    launcher.terminate()
    assert launcher.wait(20) == 143
    assert time.monotonic() - began < 10


def test_a_launcher_that_is_killed_takes_its_worker_along(tmp_path: Path) -> None:
    launcher, _ = launch(tmp_path)
    worker, *runs = psutil.Process(launcher.pid).children(recursive=True)
    launcher.kill()
    launcher.wait()
    wait_until(lambda: is_gone(worker.pid), seconds=10)
    for run in runs:  # a real one is told by flows.cluster.execute
        run.kill()


def test_what_a_run_leaves_behind_is_killed_when_the_grace_is_over(tmp_path: Path) -> None:
    launcher, _ = launch(tmp_path, LEAVING, grace=1)
    wait_until(lambda: len(psutil.Process(launcher.pid).children(recursive=True)) == 3)
    family = psutil.Process(launcher.pid).children(recursive=True)
    launcher.terminate()
    assert launcher.wait(20) == 143
    wait_until(lambda: all(is_gone(member.pid) for member in family), seconds=5)


def test_run_and_worker_share_one_grace(tmp_path: Path) -> None:
    worker = WORKER.replace('lambda *_: (note("worker told"), sys.exit(0))', "signal.SIG_IGN")
    launcher, _ = launch(tmp_path, STUBBORN, grace=2, worker=worker)
    began = time.monotonic()
    launcher.terminate()
    assert launcher.wait(20) == 143
    assert time.monotonic() - began < 3.5


def test_a_worker_that_ends_by_itself_is_started_again(tmp_path: Path) -> None:
    launcher, notes = launch(tmp_path)
    worker, *runs = psutil.Process(launcher.pid).children(recursive=True)
    worker.kill()
    wait_until(lambda: notes.read_text().count("worker up") == 2, seconds=10)
    launcher.terminate()
    assert launcher.wait(20) == 143
    for run in runs:  # a real one is told by flows.cluster.execute
        run.kill()


def test_a_worker_is_pinned_named_and_finds_this_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    command, environment = plan_worker(WorkerOptions("gpu", "2,3", "node7"))
    assert " ".join(command[1:]) == "-m prefect worker start --pool gpu --type process --limit 1 --name node7"
    assert environment["CUDA_VISIBLE_DEVICES"] == "2,3"
    assert environment["IMAGENET_THINK_WORKER"] == "node7"
    assert environment["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)


def test_what_is_visible_is_what_a_worker_takes_when_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    command, environment = plan_worker(WorkerOptions("gpu"))
    assert environment["CUDA_VISIBLE_DEVICES"] == "1"
    assert command[-1].endswith("-gpu1")


def test_without_a_server_there_is_nobody_to_work_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with pytest.raises(ConfigError, match="PREFECT_API_URL names no Prefect server"):
        plan_worker(WorkerOptions("gpu"))


def test_a_dry_run_prints_the_command_and_no_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    monkeypatch.setenv("PREFECT_API_KEY", "pnu_secret")
    monkeypatch.setattr(sys, "argv", ["imagenet-think", "worker", "--gpus", "0", "--dry-run"])
    with pytest.raises(SystemExit) as end:
        main()
    printed = capsys.readouterr().out
    assert end.value.code == 0
    assert "prefect worker start --pool gpu" in printed
    assert "pnu_secret" not in printed

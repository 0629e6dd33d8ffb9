"""One worker of a pool on one group of GPUs: started, pinned, and taken down so that nothing is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from flows.cluster.gpus import VISIBLE
from pipeline.doctor.nvidia import ask_nvidia
from pipeline.generation.ledger import WORKER_VARIABLE
from pipeline.parents import promise_to_die
from schemas.errors import ConfigError

API_URL = "PREFECT_API_URL"

GRACE = 25.0
"""Seconds for a run to flush its ledger and hand itself on, and its worker to end. Slurm and Kubernetes give 30."""

RESTART_PAUSE = 10.0
"""Seconds before a worker that ended by itself is started again; it does when the server is away at its start."""

_ENVIRONMENT = {
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",  # the shortest there is; the automation for lost runs counts on it
    "PREFECT_WORKER_QUERY_SECONDS": "2",
    "PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR": "reschedule",
}


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """What is asked of one worker.

    Args:
        pool: the work pool.
        gpus: its GPUs, as ``CUDA_VISIBLE_DEVICES`` names them; ``None`` for those that this process may use.
        name: what it is called; host and GPUs when left out.
        grace: seconds that a run and its worker get, together, when they are stopped.
    """

    pool: str
    gpus: str | None = None
    name: str | None = None
    grace: float = GRACE


def plan_worker(options: WorkerOptions) -> tuple[list[str], dict[str, str]]:
    """Command and environment of a worker, beside what it inherits.

    Raises:
        ConfigError: no Prefect server is named.
    """
    if not os.environ.get(API_URL):
        raise ConfigError(
            f"{API_URL} names no Prefect server to work for", "set it to that of the builds, http://HOST:4200/api"
        )
    gpus = options.gpus if options.gpus is not None else os.environ.get(VISIBLE, _all_gpus())
    name = options.name or f"{socket.gethostname()}-{f'gpu{gpus}' if gpus else 'cpu'}"
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", options.pool, "--type", "process"]
    command += ["--limit", "1", "--name", name]
    # a run's command is looked up by its name, and must be that of this installation
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    environment = {name: os.environ.get(name, value) for name, value in _ENVIRONMENT.items()}
    return command, {**environment, "PATH": path, VISIBLE: gpus, WORKER_VARIABLE: name}


def run_worker(
    command: Sequence[str], environment: Mapping[str, str], grace: float, pause: float = RESTART_PAUSE
) -> int:
    """Run a worker until it is told to stop; started again when it ends by itself. On the main thread only.

    The first SIGTERM or SIGINT tells its run to hand itself on, and then the worker to stop; the second kills both.

    Returns:
        The exit code: 143 after SIGTERM, 130 after SIGINT.
    """
    stopper, told = _Stopper(grace), None
    with stopper.listening():
        while not stopper.signal:
            stopper.worker = subprocess.Popen(  # noqa: S603 - our own command
                list(command),
                env={**os.environ, **environment},
                start_new_session=True,  # Ctrl-C is for the launcher, which has to stop the run first
                preexec_fn=_prepare(os.getpid()),  # noqa: PLW1509 - this process has no other threads
            )
            code = stopper.wait()
            if not stopper.signal:
                if code != told:  # a server that stays away would fill a log with the same line
                    sys.stderr.write(f"imagenet-think: the worker ended (exit code {code}); started again\n")
                    told = code
                stopper.pause(pause)
    return 128 + stopper.signal


class _Stopper:
    """Takes a worker down in the right order."""

    def __init__(self, grace: float) -> None:
        self.worker: subprocess.Popen[bytes] | None = None
        self.signal = 0
        self._grace = grace

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Answer SIGTERM and SIGINT while the block runs."""
        before = {number: signal.signal(number, self._answer) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def wait(self) -> int:
        """Wait for the worker's end, its own or the one that it is told."""
        assert self.worker is not None
        while self.worker.poll() is None and not self.signal:
            time.sleep(0.2)
        if self.signal:
            self._take_down(self.worker)
        return self.worker.wait()

    def pause(self, seconds: float) -> None:
        """Let time pass, unless somebody wants to stop."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.signal:
            time.sleep(0.2)

    def _answer(self, number: int, _: FrameType | None) -> None:
        if self.signal and self.worker is not None:
            self._grace = 0.0  # the second time: now
        self.signal = self.signal or number

    def _take_down(self, worker: subprocess.Popen[bytes]) -> None:
        runs = _children(worker.pid)
        # listed before anybody is told: what outlives its parent is a descendant of the worker no longer
        family = [worker.pid, *_descendants(worker.pid)]
        deadline = time.monotonic() + self._grace
        for run in runs:
            _send(run, signal.SIGTERM)
        self._wait_for(runs, deadline)
        family += [process for process in _descendants(worker.pid) if process not in family]
        _send(worker.pid, signal.SIGTERM)
        self._wait_for(family, deadline)
        for process in filter(_is_there, [*family, *_descendants(worker.pid)]):
            _send(process, signal.SIGKILL)

    def _wait_for(self, processes: Sequence[int], deadline: float) -> None:
        while self._grace and time.monotonic() < deadline and any(map(_is_there, processes)):
            time.sleep(0.1)


def _prepare(launcher: int) -> Callable[[], None]:
    promise = promise_to_die(launcher)

    def prepare() -> None:
        # a shell that starts something in the background has SIGINT ignored, and Prefect's worker stops by it
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        promise()

    return prepare


def _all_gpus() -> str:
    """All GPUs of the machine; none where ``nvidia-smi`` lists none."""
    report = ask_nvidia()
    return ",".join(gpu.index for gpu in report.gpus) if report is not None else ""


def _children(process: int) -> list[int]:
    try:
        return [int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _descendants(process: int) -> list[int]:
    found = []
    for child in _children(process):
        found += [child, *_descendants(child)]
    return found


def _is_there(process: int) -> bool:
    """Whether it runs; one that has ended and was not waited for does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def _send(process: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, number)

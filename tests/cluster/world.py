"""A cluster on this machine: a real Prefect server, real workers, and builds on them, all of them to be killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from pipeline.generation.ledger import LedgerReader
from schemas.errors import RunDirectoryError
from tests.collections import make_collection
from tests.processes import wait_until

ROOT = Path(__file__).parents[2]
CLASSES = ["n01440764", "n02123045", "n07920052"]
TEACHERS = ("glm-4.1v-9b-thinking", "kimi-vl-a3b-thinking-2506")


def environment(**variables: str) -> dict[str, str]:
    """That of this process without its own Prefect, this checkout importable, and these variables."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "CUDA_"))}
    quiet = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1", "PREFECT_SERVER_UI_ENABLED": "false"}
    loopback = {"no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1", "COLUMNS": "200"}
    path = os.pathsep.join([*filter(None, [os.environ.get("PYTHONPATH")]), str(ROOT)])
    return inherited | quiet | loopback | {"PYTHONPATH": path} | variables


def start(*command: str | Path, env: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a process whose output goes to a file."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", *map(str, command)],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # a shell that runs the suite in the background has SIGINT ignored, and children inherit that
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads run here
        )


@dataclass
class Server:
    """A Prefect server on loopback that keeps its port and its database when it is killed and started again."""

    home: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def env(self) -> dict[str, str]:
        return environment(PREFECT_HOME=str(self.home), PREFECT_API_URL=self.url)

    def start(self) -> None:
        command = ("prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self.port))
        env = {name: value for name, value in self.env.items() if name != "PREFECT_API_URL"}
        self.process = start(*command, env=env, log=self.home / "server.log")
        wait_until(self.is_up, seconds=120)

    def is_up(self) -> bool:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{self.url}/health", timeout=5).close()
            return True
        return False

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def ask(self, path: str, **body: Any) -> Any:
        """Post to the API."""
        request = urllib.request.Request(
            f"{self.url}/{path}", json.dumps(body).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def runs(self, flow: str, **wanted: Any) -> list[dict[str, Any]]:
        """Flow runs of a flow, the newest last."""
        found: list[dict[str, Any]] = self.ask(
            "flow_runs/filter", flows={"name": {"any_": [flow]}}, flow_runs=wanted or None, limit=200
        )
        return sorted(found, key=lambda run: run["created"])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def run_verb(server: Server, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end against the server."""
    command = [sys.executable, "-m", "flows.cli", *map(str, arguments)]
    done = subprocess.run(command, env=server.env, capture_output=True, text=True, timeout=170, check=False)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def write_config(
    folder: Path,
    *,
    delay: float = 0.4,
    pool: bool = True,
    teachers: Sequence[str] = TEACHERS,
    deaths: Sequence[str] = (),
    **where: Any,
) -> Path:
    """A build of 48 images by scripted teachers, in chunks of 24; engines die once of some of them."""
    if not (folder / "images").exists():
        make_collection(folder / "images", "tars", CLASSES, 16)
    script = {"default": ["ok"], "n01440764_2": ["no_think", "ok"], "n02123045_3": ["refuse"]}
    script |= {image_id: ["die"] for image_id in deaths}
    options = {"log": str(folder / "asked.log"), "delay": delay, "script": script}
    engine = {"kind": "custom", "factory": "tests.fakes.scripted_engine:create", "options": options}
    generation: dict[str, Any] = {"max_concurrency": 3, "part_seconds": 0.2, "part_rows": 4, "prepare_workers": 1}
    if pool:
        generation["where"] = {
            "work_pool": "gpu",
            "shortest_minutes": 0.2,
            "longest_minutes": 0.2,
            "images_per_minute": dict.fromkeys(TEACHERS, 120),
            "poll_seconds": 0.5,
            "settle_seconds": 2,
            **where,
        }
    settings = {
        "source": {"path": "images"},
        "screening": {"workers": 1},
        "selection": {"holdout": {"synset_share": 0, "image_share": 0.3}},
        "generation": generation,
        "packing": {"images_per_shard": 7, "workers": 1},
        "teachers": [{"name": name, "engine": engine} for name in teachers],
    }
    path = folder / "build.yaml"
    path.write_text(json.dumps(settings))
    return path


@dataclass
class Cluster:
    """One test's workers and builds on a server that it shares with others."""

    server: Server
    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    """Of workers."""
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def run_dir(self) -> Path:
        return self.folder / "run"

    def start_worker(self, name: str, gpus: str = "0", pool: str = "gpu") -> subprocess.Popen[bytes]:
        """Start a launcher, and wait until the server hears of its worker."""
        command = ("flows.cli", "worker", "--pool", pool, "--gpus", gpus, "--name", name, "--grace", "10")
        # a temporary folder of the test's own: locks on GPUs are there, and other tests have the same GPUs
        env = self.server.env | self.variables | {"TMPDIR": str(self.folder)}
        launcher = start(*command, env=env, log=self.folder / f"{name}.log")
        self.started.append(launcher)
        wait_until(lambda: self.is_online(name, pool))
        return launcher

    def wait_until_idle(self, launcher: int) -> None:
        """Wait until a worker runs nothing any more."""
        wait_until(lambda: len(psutil.Process(launcher).children(recursive=True)) <= 1)

    def is_online(self, name: str, pool: str = "gpu") -> bool:
        workers = self.server.ask(f"work_pools/{pool}/workers/filter")
        return any(worker["name"] == name and worker["status"] == "ONLINE" for worker in workers)

    def start_build(self, config: Path, run_dir: str | None = None, **variables: str) -> subprocess.Popen[bytes]:
        """Start a build's parent, in an environment with these variables."""
        verb = ("flows.cli", "build", str(config), "--run-dir", run_dir or str(self.run_dir), "--quiet")
        build = start(*verb, env=self.server.env | variables, log=self.folder / "build.log")
        self.started.append(build)
        return build

    def wait_for_end(self, build: subprocess.Popen[bytes], seconds: float = 300) -> None:
        """Wait until a build has ended well."""
        try:
            code = build.wait(seconds)
        except subprocess.TimeoutExpired:
            code = -1
        assert code == 0, (self.folder / "build.log").read_text()

    def finish(self, build: subprocess.Popen[bytes]) -> str:
        """Wait until a build has ended well, and say what its files sum up to."""
        self.wait_for_end(build)
        return self.sums()

    def sums(self) -> str:
        return (self.run_dir / "dataset" / "SHA256SUMS").read_text()

    def asked(self) -> list[str]:
        """Requests in the order in which engines got them: teacher, image, attempt."""
        log = self.folder / "asked.log"
        return log.read_text().splitlines() if log.exists() else []

    def landed(self) -> set[str]:
        """Requests whose rows are in the ledger."""
        rows = set()
        for directory in self.run_dir.glob("ledger/*/*/"):
            with contextlib.suppress(RunDirectoryError):
                rows |= {f"{row.teacher} {row.image_id} {row.attempt}" for row in LedgerReader(directory).rows()}
        return rows

    def wait_for_rows(self, count: int) -> None:
        """Wait until so many rows are in the ledger."""
        wait_until(lambda: len(self.landed()) >= count, seconds=90)

    def stop(self) -> None:
        """End everything that was started here, and whatever that has started."""
        family: list[psutil.Process] = []
        for process in self.started:
            with contextlib.suppress(psutil.NoSuchProcess):
                family += psutil.Process(process.pid).children(recursive=True)
            process.kill()
            process.wait()
        for member in [*family, *self.strays()]:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        psutil.wait_procs(family, timeout=10)

    def strays(self) -> list[psutil.Process]:
        """Processes of this test's workers that live on, whoever their parent is."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get("TMPDIR") == str(self.folder) and process.status() != psutil.STATUS_ZOMBIE
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False


def process_of(parent: int, *words: str, seconds: float = 60.0) -> psutil.Process:
    """The descendant of a process whose command holds these words; waited for."""
    found: list[psutil.Process] = []

    def look() -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(parent).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    if all(word in child.cmdline() for word in words):
                        found.append(child)
        return bool(found)

    wait_until(look, seconds)
    return found[-1]


@contextlib.contextmanager
def cluster_in(server: Server, folder: Path, **variables: str) -> Iterator[Cluster]:
    """A cluster that leaves nothing behind."""
    cluster = Cluster(server, folder, variables)
    try:
        yield cluster
    finally:
        cluster.stop()

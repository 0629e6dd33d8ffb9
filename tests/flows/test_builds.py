"""Whole builds as a user starts them: ended, stopped, killed, and gone on with."""

from __future__ import annotations

import collections
import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.collections import make_collection
from tests.flows.conftest import Run, command_line, environment

CLASSES = ["n01440764", "n02123045", "n07920052"]


def write_config(folder: Path, **options: object) -> Path:
    """A build of 24 images by two scripted teachers, one of which needs a second attempt now and then."""
    if not (folder / "images").exists():
        make_collection(folder / "images", "tars", CLASSES, 8)
    engine = {"kind": "custom", "factory": "tests.fakes.scripted_engine:create"}
    options = {"log": str(folder / "asked.log"), **options}
    script = {"default": ["ok"], "n01440764_2": ["no_think", "ok"], "n02123045_3": ["refuse"]}
    path = folder / "build.yaml"
    path.write_text(
        json.dumps(
            {
                "source": {"path": "images"},
                "selection": {"holdout": {"synset_share": 0, "image_share": 0.3}},
                "generation": {"max_concurrency": 2, "part_seconds": 0.2, "part_rows": 5},
                "packing": {"images_per_shard": 7},
                "teachers": [
                    {"name": "glm-4.1v-9b-thinking", "engine": {**engine, "options": {**options, "script": script}}},
                    {"name": "kimi-vl-a3b-thinking-2506", "engine": {**engine, "options": options}},
                ],
            }
        )
    )
    return path


def sums(run_dir: Path) -> str:
    return (run_dir / "dataset" / "SHA256SUMS").read_text()


def start(config: Path, run_dir: Path, verb: str = "build") -> subprocess.Popen[str]:
    return subprocess.Popen(
        command_line(verb, config, "--run-dir", run_dir),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # a shell that runs the suite in the background has SIGINT ignored, and children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads run here
    )


def wait_for(path: Path, lines: int = 1) -> None:
    deadline = time.monotonic() + 120
    while not path.exists() or path.read_text().count("\n") < lines:
        assert time.monotonic() < deadline, f"{path} was not written"
        time.sleep(0.02)


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    children: list[psutil.Process] = psutil.Process(process.pid).children(recursive=True)
    return children


def assert_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=20)
    assert not alive, f"left behind: {[process.cmdline() for process in alive]}"


@dataclass(frozen=True)
class Finished:
    """A build that ran through, to be looked at and not changed."""

    folder: Path
    config: Path
    printed: str

    @property
    def run(self) -> Path:
        return self.folder / "run"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, imagenet_think: Run) -> Finished:
    folder = tmp_path_factory.mktemp("undisturbed")
    config = write_config(folder)
    done = imagenet_think("build", config, "--run-dir", folder / "run", "--quiet")
    assert done.returncode == 0, done.stderr
    return Finished(folder, config, done.stdout)


@pytest.fixture(scope="module")
def undisturbed(finished: Finished) -> str:
    """``SHA256SUMS`` of a build that ran through."""
    return sums(finished.run)


@pytest.mark.slow
def test_a_second_start_does_nothing_and_says_the_same(finished: Finished, imagenet_think: Run) -> None:
    before = {path: path.stat().st_mtime_ns for path in (finished.run / "dataset").rglob("*")}
    asked = (finished.folder / "asked.log").read_text()
    second = imagenet_think("build", finished.config, "--run-dir", finished.run, "--quiet")
    assert second.returncode == 0
    assert second.stdout == finished.printed
    assert second.stderr == ""
    assert {path: path.stat().st_mtime_ns for path in (finished.run / "dataset").rglob("*")} == before
    assert (finished.folder / "asked.log").read_text() == asked


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)], ids=str)
def test_a_stopped_build_leaves_no_process_and_its_next_start_loses_nothing(
    sent: signal.Signals, code: int, tmp_path: Path, undisturbed: str, served: Run
) -> None:
    config, run_dir = write_config(tmp_path, delay=0.3), tmp_path / "run"
    build = start(config, run_dir)
    wait_for(tmp_path / "asked.log", lines=8)
    children = family(build)
    assert children, "the embedded server should be running"
    if sent is signal.SIGINT:
        os.killpg(build.pid, sent)  # as a terminal does
    else:
        build.send_signal(sent)
    output, _ = build.communicate(timeout=60)
    assert build.returncode == code
    assert "Traceback" not in output
    if sent is not signal.SIGKILL:
        assert f"To go on: imagenet-think build {config} --run-dir {run_dir}" in output
    assert_gone(children)

    done = served("build", write_config(tmp_path), "--run-dir", run_dir)
    assert done.returncode == 0, done.stderr
    assert sums(run_dir) == undisturbed
    assert_asked_again_only_what_was_in_flight(tmp_path / "asked.log", allowance=2 + 5)  # max_concurrency and part_rows


def is_worker_at_work(process: psutil.Process) -> bool:
    try:
        return "spawn_main" in " ".join(process.cmdline()) and process.num_threads() > 1
    except psutil.Error:  # already gone
        return False


@pytest.mark.slow
def test_an_interrupt_while_workers_screen_is_the_build_s_alone(tmp_path: Path, served: Run) -> None:
    config, run_dir = write_config(tmp_path), tmp_path / "run"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"screening": {"workers": 2}}))
    assert served("index", config, "--run-dir", run_dir).returncode == 0
    select = start(config, run_dir, verb="select")
    deadline = time.monotonic() + 120
    while not any(is_worker_at_work(child) for child in family(select)):
        assert time.monotonic() < deadline, "no worker went to work"
        time.sleep(0.01)
    children = family(select)
    os.killpg(select.pid, signal.SIGINT)  # as a terminal does
    output, _ = select.communicate(timeout=60)
    assert select.returncode == 130
    assert "Traceback" not in output
    assert_gone(children)


def assert_asked_again_only_what_was_in_flight(log: Path, allowance: int) -> None:
    """Beyond one request each, at most those in flight and in the open part when the build was stopped."""
    asked = collections.Counter(log.read_text().splitlines())
    assert sum(asked.values()) - len(asked) <= allowance


@pytest.mark.slow
def test_stage_verbs_one_by_one_give_the_same_dataset(tmp_path: Path, undisturbed: str, served: Run) -> None:
    config, run_dir = write_config(tmp_path), tmp_path / "run"
    early = served("select", config, "--run-dir", run_dir)
    assert early.returncode == 1
    assert "run imagenet-think index first" in early.stderr
    assert "Traceback" not in early.stderr
    for verb in ("index", "select", "generate", "pack"):
        done = served(verb, config, "--run-dir", run_dir)
        assert done.returncode == 0, done.stderr
    assert sums(run_dir) == undisturbed
    verified = served("verify", run_dir / "dataset", "--json")
    assert verified.returncode == 0
    assert json.loads(verified.stdout)["faults"] == []


@pytest.mark.slow
def test_a_damaged_dataset_is_named_and_exits_with_1(tmp_path: Path, finished: Finished, imagenet_think: Run) -> None:
    dataset = shutil.copytree(finished.run / "dataset", tmp_path / "dataset")
    shard = min((dataset / "data").glob("*.tar"))
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    done = imagenet_think("verify", dataset)
    assert done.returncode == 1
    assert f"FAULT  data/{shard.name}" in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system takes root")
@pytest.mark.parametrize("left", [40, 1500], ids=lambda left: f"{left}k-left")
def test_a_full_disk_is_one_line_and_the_next_start_goes_on(
    left: int, tmp_path: Path, undisturbed: str, imagenet_think: Run, served: Run
) -> None:
    config, disk = write_config(tmp_path), tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", disk], check=False).returncode:
        pytest.skip("this machine does not let root mount a file system")
    try:
        assert imagenet_think("index", config, "--run-dir", disk / "run").returncode == 0
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(psutil.disk_usage(str(disk)).free - left * 1024))
        full = imagenet_think("build", config, "--run-dir", disk / "run", "--quiet")
        assert full.returncode == 1
        assert "No space left on device; make room on the disk and run the same command again" in full.stderr
        assert full.stderr.count("\n") == 1
        ballast.unlink()
        done = served("build", config, "--run-dir", disk / "run")
        assert done.returncode == 0, done.stderr
        assert sums(disk / "run") == undisturbed
    finally:
        subprocess.run(["umount", disk], check=True)

"""A GPU belongs to one run at a time, and the dead let go."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from flows.cluster.gpus import gpus_held, visible_gpus
from schemas.errors import EngineError

HOLD = """
import sys, time
from flows.cluster.gpus import gpus_held
with gpus_held(print):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


def hold_elsewhere(gpus: str) -> subprocess.Popen[str]:
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": gpus, "PYTHONPATH": str(Path(__file__).parents[3])}
    process = subprocess.Popen([sys.executable, "-c", HOLD], env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.parametrize(
    ("given", "names"),
    [("1,0", ["0", "1"]), ("GPU-5d1, 2", ["2", "GPU-5d1"]), ("", []), (None, ["all"]), ("0,0", ["0"])],
)
def test_gpus_are_those_that_the_environment_names(
    given: str | None, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if given is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    assert visible_gpus() == names


def test_a_gpu_that_another_process_holds_is_waited_for_and_its_holder_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,2")
    other, words = hold_elsewhere("0,1"), list[str]()
    try:
        still = pytest.raises(EngineError, match=f"GPU 1: process {other.pid} still holds it")
        with still, gpus_held(words.append, patience=0.1):
            pass
        assert words == [f"GPU 1: process {other.pid} holds it and is waited for, 0 s at most"]
    finally:
        other.kill()
        other.communicate()


def test_other_gpus_are_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    other = hold_elsewhere("0,1")
    try:
        with gpus_held(pytest.fail, patience=0):
            pass
    finally:
        other.kill()
        other.communicate()


def test_a_process_that_is_killed_lets_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    other = hold_elsewhere("0")
    killer = threading.Timer(0.3, other.send_signal, (signal.SIGKILL,))
    killer.start()
    began = time.monotonic()
    with gpus_held(lambda _: None, patience=30):
        assert time.monotonic() - began >= 0.3
    other.communicate()


def test_locks_lie_where_only_their_user_reaches_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "../../evil,GPU-1")
    with gpus_held(pytest.fail):
        (folder,) = tmp_path.glob("imagenet-think-gpus-*")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert len(list(folder.iterdir())) == 2
    assert not (tmp_path.parent / "evil.lock").exists()


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"imagenet-think-gpus-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EngineError, match="belongs to another user"), gpus_held(pytest.fail):
        pass

"""What runs in every process of vLLM; tried with processes that are not vLLM's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from pipeline.engines.vllm.plugins import mend_moonshot_imports

ROOT = Path(__file__).parents[3]

PARENT = """
import multiprocessing, os, sys, time
from pipeline.engines.vllm.plugins import die_with_parent

def child(when, directory):
    parent = multiprocessing.parent_process()
    while when == "after" and parent.is_alive():
        time.sleep(0.01)
    if when != "never":
        die_with_parent()
    (directory / f"{os.getpid()}.alive").touch()
    time.sleep(60)

if __name__ == "__main__":
    from pathlib import Path
    when, directory = sys.argv[1], Path(sys.argv[2])
    process = multiprocessing.get_context("spawn").Process(target=child, args=(when, directory))
    process.start()
    print(process.pid, flush=True)
    time.sleep(60)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's signal is Linux's")


def start(tmp_path: Path, when: str) -> tuple[subprocess.Popen[str], int]:
    (tmp_path / "parent.py").write_text(PARENT)
    command = [sys.executable, str(tmp_path / "parent.py"), when, str(tmp_path)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


def kill(parent: subprocess.Popen[str]) -> None:
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert parent.stdout is not None
    parent.stdout.close()


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent, child = start(tmp_path, "before")
    wait_for((tmp_path / f"{child}.alive").exists)
    kill(parent)
    wait_for(lambda: not is_running(child))


def test_a_child_ends_whose_parent_was_killed_before_it_asked(tmp_path: Path) -> None:
    parent, child = start(tmp_path, "after")
    kill(parent)
    wait_for(lambda: not is_running(child))
    assert not (tmp_path / f"{child}.alive").exists()


def test_a_child_that_does_not_ask_lives_on(tmp_path: Path) -> None:
    parent, child = start(tmp_path, "never")
    wait_for((tmp_path / f"{child}.alive").exists)
    kill(parent)
    time.sleep(0.1)
    lives_on = is_running(child)
    os.kill(child, signal.SIGKILL)
    assert lives_on


def test_a_transformers_that_has_lost_more_still_serves_other_models(monkeypatch: pytest.MonkeyPatch) -> None:
    transformers = ModuleType("transformers")
    transformers.processing_utils = ModuleType("processing_utils")  # type: ignore[attr-defined]
    for name in [name for name in sys.modules if name.startswith("transformers.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "transformers", transformers)
    mend_moonshot_imports()
    keep_order = transformers.processing_utils._validate_images_text_input_order
    assert keep_order("picture", "text") == ("picture", "text")


ALONE = """
import ctypes
from pipeline.engines.vllm.plugins import die_with_parent
die_with_parent()
asked = ctypes.c_int()
ctypes.CDLL(None).prctl(2, ctypes.byref(asked))  # PR_GET_PDEATHSIG
print(asked.value)
"""


def test_a_process_that_nobody_s_engine_started_is_left_alone() -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    output = subprocess.run([sys.executable, "-c", ALONE], check=True, capture_output=True, text=True, env=environment)
    assert output.stdout == "0\n"

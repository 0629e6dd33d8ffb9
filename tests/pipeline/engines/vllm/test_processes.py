"""An engine's processes: heard, deaf to the terminal, and ended for certain. Real processes, no vLLM."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from multiprocessing.process import BaseProcess

import psutil
import pytest

from pipeline.engines.vllm.console import Console
from pipeline.engines.vllm.processes import Processes

SPAWN = multiprocessing.get_context("spawn")


def say(text: str, stream: int = 2) -> None:
    os.write(stream, f"{text}\n".encode())


def speak_and_wait(seconds: float) -> None:
    say("on standard output", stream=1)
    say("(EngineCore pid=1) WARNING 11-20 21:40:02 [vllm.py:1] mind this")
    say("(EngineCore pid=1) INFO 11-20 21:40:02 [vllm.py:1] chatter")
    time.sleep(seconds)


def start_another_and_wait() -> None:
    child = SPAWN.Process(target=speak_and_wait, args=(60,))
    child.start()
    say(f"started {child.pid}")
    child.join()


def fail() -> None:
    raise ValueError("the cause")


def start(processes: Processes, *children: BaseProcess) -> None:
    with processes.starting():
        for child in children:
            child.start()


def start_and_fail(processes: Processes, *children: BaseProcess) -> None:
    with processes.starting():
        for child in children:
            child.start()
        raise KeyboardInterrupt


def wait_for_line(processes: Processes, word: str, times: int = 1) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = [line for line in processes.last_words() if word in line]
        if len(found) >= times:
            return found[0]
    raise AssertionError(f"{word!r} never came")


@pytest.fixture
def processes() -> Processes:
    return Processes(Console(talkative=False))


def test_what_a_process_writes_is_kept_and_only_its_warnings_are_shown_once(
    processes: Processes, capfd: pytest.CaptureFixture[str]
) -> None:
    start(processes, SPAWN.Process(target=speak_and_wait, args=(0,)), SPAWN.Process(target=speak_and_wait, args=(0,)))
    wait_for_line(processes, "chatter", times=2)
    say("ours", stream=1)
    shown, warned = capfd.readouterr()
    assert "on standard output" in processes.last_words()
    assert shown == "ours\n"
    assert warned == "(EngineCore pid=1) WARNING 11-20 21:40:02 [vllm.py:1] mind this\n"


def test_everything_is_shown_to_those_who_ask_for_it(capfd: pytest.CaptureFixture[str]) -> None:
    processes = Processes(Console(talkative=True))
    start(processes, SPAWN.Process(target=speak_and_wait, args=(0,)))
    wait_for_line(processes, "chatter")
    assert "chatter" in capfd.readouterr().err


def test_the_last_words_of_a_process_that_failed_hold_its_exception(processes: Processes) -> None:
    start(processes, SPAWN.Process(target=fail))
    assert wait_for_line(processes, "ValueError: the cause") == "ValueError: the cause"


def test_stopped_processes_and_what_they_started_are_ended(processes: Processes) -> None:
    start(processes, SPAWN.Process(target=start_another_and_wait))
    grandchild = psutil.Process(int(wait_for_line(processes, "started").split()[1]))
    child = processes._children[0]
    for pid in (child.pid, grandchild.pid):
        os.kill(pid, signal.SIGSTOP)
    processes.kill()
    assert child.exitcode == -signal.SIGKILL
    assert not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE
    assert processes.exit_signals() == ["SIGKILL"]


def test_a_start_that_fails_leaves_no_process(processes: Processes) -> None:
    child = SPAWN.Process(target=speak_and_wait, args=(60,))
    before = multiprocessing.active_children()
    with pytest.raises(KeyboardInterrupt):
        start_and_fail(processes, child)
    assert child.exitcode == -signal.SIGKILL
    assert multiprocessing.active_children() == before


def test_other_processes_are_left_alone(processes: Processes) -> None:
    other = SPAWN.Process(target=speak_and_wait, args=(60,))
    other.start()
    start(processes)
    processes.kill()
    assert other.is_alive()
    other.kill()
    other.join()


def test_an_interrupt_at_the_terminal_is_for_this_process_alone(processes: Processes) -> None:
    child = SPAWN.Process(target=speak_and_wait, args=(60,))
    start(processes, child)
    wait_for_line(processes, "chatter")
    os.kill(child.pid or 0, signal.SIGINT)
    child.join(0.3)
    assert child.is_alive()
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    processes.kill()

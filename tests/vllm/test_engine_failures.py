"""What becomes of requests, processes and messages when vLLM dies, hangs or does not start."""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline.engines.base import EngineReply
from pipeline.generation.supervise import SupervisedEngine
from schemas.completion import PairStatus
from schemas.errors import ConfigError, EngineDiedError, EngineError, ImageNetThinkError
from tests.vllm.engines import GLM, KIMI, MAX_NUM_SEQS, Loop, running, start_engine, vllm_settings
from tests.vllm.script import Words

pytestmark = pytest.mark.vllm

STALL = 3.0

ENDLESS = 1


@pytest.fixture(scope="module")
def loop(tiny_glm: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    script: Any = {
        "default": ["<think>", Words(200), "</think><answer>", Words(8), "</answer>"],
        ENDLESS: ["<think>", Words(2000)],
    }
    settings = vllm_settings(tiny_glm, stall_seconds=STALL)
    with running(settings, GLM, script, tmp_path_factory.mktemp("engine")) as started:
        yield started


def engine_processes() -> list[psutil.Process]:
    """Those of the engine that runs, its workers included."""
    cores = [child for child in multiprocessing.active_children() if child.name.startswith("EngineCore")]
    assert len(cores) == 1
    process = psutil.Process(cores[0].pid)
    return [process, *process.children(recursive=True)]


def test_a_killed_engine_is_started_again_and_no_request_is_lost(loop: Loop) -> None:
    seeds = range(100, 100 + 3 * MAX_NUM_SEQS)
    processes = engine_processes()
    engines = [loop.engine]

    def start() -> Any:
        return engines.pop() if engines else start_engine(loop.settings, loop.teacher.name)

    async def ask_all() -> tuple[list[EngineReply], SupervisedEngine]:
        supervised = SupervisedEngine(start, restarts=1)
        tasks = [asyncio.create_task(supervised.complete(loop.request(seed))) for seed in seeds]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        processes[0].kill()
        return await asyncio.gather(*tasks), supervised

    replies, supervised = loop.run(ask_all())
    assert supervised.restarts == 1
    assert {loop.parse(reply).status for reply in replies} == {PairStatus.OK}
    assert len({reply.text for reply in replies}) == len(seeds)
    assert not [process for process in processes if process.is_running()]
    with pytest.raises(EngineDiedError, match=r"killed \(SIGKILL\)"):
        loop.run(loop.engine.count_tokens("a"))
    loop.engine = supervised._engine._engine  # for the tests below


def test_an_engine_that_makes_no_token_is_dead_and_its_processes_are_ended(loop: Loop) -> None:
    assert loop.parse(loop.ask(5)).status is PairStatus.OK
    processes = engine_processes()

    async def stop_and_wait() -> list[Any]:
        tasks = [asyncio.create_task(loop.engine.complete(loop.request(ENDLESS))) for _ in range(MAX_NUM_SEQS)]
        await asyncio.wait(tasks, timeout=0.5)
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        return await asyncio.gather(*tasks, return_exceptions=True)

    for death in loop.run(stop_and_wait()):
        assert isinstance(death, EngineDiedError)
        assert f"made no token for {STALL:.0f} s" in str(death)
    with pytest.raises(EngineDiedError, match="made no token"):
        loop.ask(5)
    loop.run(loop.engine.close())
    assert not [process for process in processes if process.is_running()]


def damage(path: Path, change: Callable[[str], str]) -> None:
    path.write_text(change(path.read_text()))


def rename_architecture(config: str) -> str:
    return json.dumps(json.loads(config) | {"architectures": ["NoSuchModelForCausalLM"], "model_type": "nosuch"})


STARTS: dict[str, tuple[str, Callable[[Path], object], dict[str, Any], str]] = {
    "a broken config.json": (
        GLM,
        lambda it: damage(it / "config.json", lambda text: text[:100]),
        {},
        r"valid JSON.*; the checkpoint is incomplete or damaged",
    ),
    "an architecture nobody knows": (
        GLM,
        lambda it: damage(it / "config.json", rename_architecture),
        {},
        r"nosuch.*; install what the teacher requires",
    ),
    "remote code that cannot be imported": (
        KIMI,
        lambda it: damage(it / "processing_kimi_vl.py", lambda text: f"import no_such_module\n{text}"),
        {},
        r"no_such_module.*; install what the teacher requires",
    ),
    "more context than the model has": (
        GLM,
        lambda _: None,
        {"max_model_len": 8192},
        r"max_model_len \(8192\).*; set engine.max_model_len to no more than the model's own",
    ),
    "too little memory for one request": (
        GLM,
        lambda _: None,
        {"max_model_len": 4096, "kv_cache_memory_bytes": 1 << 17},
        r"KV cache.*; lower engine.max_model_len, or raise",
    ),
}


@pytest.mark.parametrize("case", STARTS)
def test_an_engine_that_does_not_start_says_why_in_one_line(
    case: str,
    tiny_glm: Path,
    tiny_kimi: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("VLLM_LOGGING_LEVEL", raising=False)
    # vLLM's log in this process still writes to the standard error of the test that imported it
    monkeypatch.setattr(logging, "raiseExceptions", False)
    teacher, prepare, fields, message = STARTS[case]
    checkpoint = shutil.copytree(tiny_glm if teacher == GLM else tiny_kimi, tmp_path / "checkpoint")
    prepare(checkpoint)
    before = multiprocessing.active_children()
    with pytest.raises(EngineError, match=message) as caught:
        start_engine(vllm_settings(checkpoint, **fields), teacher)
    assert str(caught.value).startswith(f"{teacher}: vLLM does not start: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 800
    assert multiprocessing.active_children() == before
    assert "Traceback" not in "".join(capfd.readouterr())


def test_an_interrupt_ends_a_start_at_once_and_leaves_no_process(tiny_glm: Path) -> None:
    before = multiprocessing.active_children()
    handler = signal.getsignal(signal.SIGINT)

    def interrupt() -> None:
        while multiprocessing.active_children() == before:
            time.sleep(0.1)
        time.sleep(1)  # for vLLM to wait for its processes
        signal.raise_signal(signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        start_engine(vllm_settings(tiny_glm), GLM)
    assert multiprocessing.active_children() == before
    assert signal.getsignal(signal.SIGINT) is handler


def test_an_engine_argument_that_does_not_exist_is_named(tiny_glm: Path) -> None:
    with pytest.raises(ConfigError, match="no engine argument 'no_such'"):
        start_engine(vllm_settings(tiny_glm, engine_args={"no_such": 1}), GLM)


def test_a_model_that_is_nowhere_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ImageNetThinkError, match="nobody/nothing: not in the local cache"):
        start_engine(vllm_settings(Path("nobody/nothing")), GLM)

"""``serve``, with a stand-in for vLLM: what is said, when it ends, and what is left."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.config import TeacherConfig
from tests.flows.conftest import ROOT, command_line, environment
from tests.processes import is_gone, wait_until

TEACHER = "glm-4.1v-9b-thinking"
FAKE = ROOT / "tests" / "fakes" / "vllm_package"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return folder


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Serving:
    """The command line's process, and what it started."""

    def __init__(self, checkpoint: Path, behaviour: str, *options: str) -> None:
        self.port = free_port()
        self.pids = checkpoint.parent / "pids"
        variables = {"FAKE_VLLM": behaviour, "FAKE_PIDS": str(self.pids), "PYTHONPATH": f"{FAKE}:{ROOT}"}
        arguments = command_line("serve", TEACHER, "--model", checkpoint, "--port", str(self.port), *options)
        self.process = subprocess.Popen(
            arguments,
            env=environment() | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until_announced(self) -> str:
        assert self.process.stdout is not None
        lines: list[str] = []
        while not lines or lines[-1].strip() or len(lines) < 4:
            line = self.process.stdout.readline()
            assert line, self.process.communicate()[1]
            lines.append(line)
        return "".join(lines)

    def ask(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/seen", timeout=10) as answer:
            content = json.load(answer)
        assert isinstance(content, dict)
        return content

    def end(self, number: int | None = None) -> tuple[int, str]:
        if number is not None:
            self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=120)
        return self.process.returncode, errors

    def clean_up(self) -> None:
        self.process.kill()
        self.process.communicate()
        for pid in self.pids.read_text().split() if self.pids.exists() else ():
            if not is_gone(int(pid)):
                os.kill(int(pid), signal.SIGKILL)

    def is_all_gone(self) -> bool:
        return all(is_gone(int(pid)) for pid in self.pids.read_text().split())


@pytest.fixture
def serve(checkpoint: Path) -> Iterator[Callable[..., Serving]]:
    started: list[Serving] = []

    def start(behaviour: str, *options: str) -> Serving:
        started.append(Serving(checkpoint, behaviour, *options))
        return started[-1]

    yield start
    for serving in started:
        serving.clean_up()


def test_it_waits_until_the_server_is_healthy_and_says_how_to_use_it(serve: Callable[..., Serving]) -> None:
    serving = serve("well")
    said = serving.wait_until_announced()
    assert f"http://127.0.0.1:{serving.port}/v1" in said
    (teacher,) = yaml.safe_load(said.partition("\n\n")[2])
    config = TeacherConfig.model_validate_json(json.dumps(teacher))
    assert config.name == TEACHER
    assert config.engine.kind == "openai"


def test_the_server_gets_the_flags_and_the_revision(serve: Callable[..., Serving], checkpoint: Path) -> None:
    serving = serve("well", "--max-num-seqs", "8", "--", "--enforce-eager")
    serving.wait_until_announced()
    seen = serving.ask()
    assert seen["arguments"][:2] == ["serve", str(checkpoint)]
    assert seen["arguments"][-1] == "--enforce-eager"
    assert seen["environment"]["IMAGENET_THINK_REVISION"].startswith("local-")
    assert seen["environment"]["VLLM_LOGGING_LEVEL"] == "WARNING"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("behaviour", ["well", pytest.param("never", marks=pytest.mark.slow)])
def test_a_signal_ends_it_and_the_server_whether_it_is_ready_or_not(
    number: int, code: int, behaviour: str, serve: Callable[..., Serving]
) -> None:
    serving = serve(behaviour)
    if behaviour == "well":
        serving.wait_until_announced()
    else:
        wait_until(lambda: serving.pids.exists() and serving.pids.read_text().count("\n") == 2)
    returned, errors = serving.end(number)
    assert returned == code
    assert errors.rstrip().endswith(f"{TEACHER}: stopped")
    assert "Traceback" not in errors
    assert serving.is_all_gone()


def test_not_even_sigkill_leaves_the_server_behind(serve: Callable[..., Serving]) -> None:
    serving = serve("well")
    serving.wait_until_announced()
    server = int(serving.pids.read_text().split()[0])
    serving.end(signal.SIGKILL)
    wait_until(lambda: is_gone(server))


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        ("fails", "KV cache is needed; lower --max-model-len"),
        ("unknown", "exit code 2: vllm serve: error: unrecognized arguments: --no-such-flag"),
        ("dies", "SIGKILL"),
    ],
)
def test_a_server_that_ends_by_itself_is_one_last_line_with_the_reason(
    behaviour: str, said: str, serve: Callable[..., Serving]
) -> None:
    serving = serve(behaviour)
    if behaviour == "dies":
        serving.wait_until_announced()
        with pytest.raises(OSError, match=r".*"):
            serving.ask()
    code, errors = serving.end()
    last = errors.rstrip().splitlines()[-1]
    assert code == 1
    assert last.startswith("imagenet-think: ")
    assert said in last
    assert "Traceback" not in errors.partition("imagenet-think: ")[2]


@pytest.mark.slow
def test_a_server_that_is_never_ready_is_given_up(serve: Callable[..., Serving]) -> None:
    serving = serve("never", "--start-seconds", "1")
    code, errors = serving.end()
    assert code == 1
    assert "not ready after 1 s" in errors
    assert serving.is_all_gone()


def test_a_port_that_is_taken_is_noticed_before_anything_starts(serve: Callable[..., Serving]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = serve("well", "--port", str(listener.getsockname()[1]))
        code, errors = serving.end()
    assert code == 2
    assert "choose another --port" in errors
    assert not serving.pids.exists()


def test_the_key_is_inherited_and_never_on_the_command_line(
    serve: Callable[..., Serving], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLLM_API_KEY", "the-secret-key")
    serving = serve("well")
    said = serving.wait_until_announced()
    seen = serving.ask()
    assert seen["environment"]["VLLM_API_KEY"] == "the-secret-key"
    assert "the-secret-key" not in " ".join(seen["arguments"])
    _, errors = serving.end(signal.SIGTERM)
    assert "the-secret-key" not in said + errors


def test_print_needs_neither_vllm_nor_weights_nor_network(imagenet_think: Any) -> None:
    result = imagenet_think("serve", TEACHER, "--port", "9001", "--print", "--", "--enforce-eager")
    assert result.returncode == 0
    assert result.stdout.count("\n") == 1
    words = shlex.split(result.stdout)
    assert words[:3] == ["vllm", "serve", "zai-org/GLM-4.1V-9B-Thinking"]
    assert words[-1] == "--enforce-eager"
    assert "9001" in words


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gpt"], "there is no teacher 'gpt'"),
        ([TEACHER, "--max-num-seqs", "0"], "--max-num-seqs 0"),
        (["kimi-vl-a3b-thinking-2506"], "no commit is named"),
        ([TEACHER, "--media", "nowhere"], "--media nowhere"),
        ([TEACHER, "--", "--api-key", "x"], "VLLM_API_KEY"),
    ],
)
def test_bad_input_is_one_line_with_the_remedy(arguments: list[str], said: str, imagenet_think: Any) -> None:
    at = arguments.index("--") if "--" in arguments else len(arguments)
    result = imagenet_think("serve", *arguments[:at], "--print", *arguments[at:])
    assert result.returncode == 2
    assert result.stderr.startswith("imagenet-think: ")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1

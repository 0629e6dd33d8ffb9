"""The command serves exactly what the teacher needs, and nothing secret or deceptive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.serving import ServeOptions, name_checkpoint, serve_flags
from pipeline.teachers import load_teacher
from schemas.engines import VllmEngine
from schemas.errors import ConfigError

GLM, KIMI = load_teacher("glm-4.1v-9b-thinking"), load_teacher("kimi-vl-a3b-thinking-2506")
COMMIT = "a" * 40


HERE = ServeOptions()


def flags_of(options: ServeOptions = HERE, **settings: Any) -> list[str]:
    config = VllmEngine(kind="vllm", **settings)
    return serve_flags(config, GLM, name_checkpoint(config, GLM), options)


def value(flags: list[str], name: str) -> str:
    return flags[flags.index(name) + 1]


def test_the_model_comes_first_and_is_called_by_the_teacher_s_repository(tmp_path: Path) -> None:
    for flags, model in ((flags_of(), GLM.model), (flags_of(model=str(tmp_path)), str(tmp_path))):
        assert flags[0] == model
        assert value(flags, "--served-model-name") == GLM.model


def test_only_this_machine_is_served_unless_told_otherwise() -> None:
    assert value(flags_of(), "--host") == "127.0.0.1"
    assert value(flags_of(ServeOptions("0.0.0.0", 9000)), "--host") == "0.0.0.0"
    assert value(flags_of(ServeOptions("0.0.0.0", 9000)), "--port") == "9000"


def test_the_server_tells_what_it_runs_and_keeps_texts_raw() -> None:
    flags = flags_of()
    assert value(flags, "--middleware") == "pipeline.engines.vllm.server.ProvenanceMiddleware"
    assert "--reasoning-parser" not in flags
    assert "reasoning_start_str" in value(flags, "--reasoning-config")


def test_the_settings_of_a_build_become_the_same_flags() -> None:
    flags = flags_of(revision=COMMIT, max_num_seqs=8, tensor_parallel_size=2, engine_args={"enforce_eager": True})
    assert value(flags, "--revision") == COMMIT
    assert value(flags, "--max-num-seqs") == "8"
    assert value(flags, "--tensor-parallel-size") == "2"
    assert "--enforce-eager" in flags


def test_further_flags_come_last_and_so_win() -> None:
    assert flags_of(ServeOptions(further=("--max-num-seqs", "3")))[-2:] == ["--max-num-seqs", "3"]


@pytest.mark.parametrize(
    "flag",
    [
        "--api-key",
        "--api_key=secret-word",
        "--hf-token",
        "--model",
        "--trust-remote-code",
        "--reasoning-parser",
        "--port",
        "--revision",
        "--served_model_name",
    ],
)
def test_flags_that_would_leak_or_deceive_are_not_passed_on(flag: str) -> None:
    with pytest.raises(ConfigError, match="cannot be passed on") as caught:
        flags_of(ServeOptions(further=(flag, "secret-word")))
    assert "secret-word" not in str(caught.value)


def test_pictures_may_be_read_only_from_the_named_folder(tmp_path: Path) -> None:
    assert "--allowed-local-media-path" not in flags_of()
    assert value(flags_of(ServeOptions(media=tmp_path)), "--allowed-local-media-path") == str(tmp_path.resolve())
    with pytest.raises(ConfigError, match="no such folder"):
        flags_of(ServeOptions(media=tmp_path / "nowhere"))


@pytest.mark.parametrize("revision", [None, "main", "a" * 39])
def test_remote_code_is_never_run_from_a_revision_that_may_move(revision: str | None) -> None:
    with pytest.raises(ConfigError, match="no commit is named"):
        name_checkpoint(VllmEngine(kind="vllm", revision=revision), KIMI)


def test_remote_code_is_trusted_at_a_commit_or_in_a_folder_of_one_s_own(tmp_path: Path) -> None:
    for config in (VllmEngine(kind="vllm", revision=COMMIT), VllmEngine(kind="vllm", model=str(tmp_path))):
        assert "--trust-remote-code" in serve_flags(config, KIMI, name_checkpoint(config, KIMI), ServeOptions())


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000/v1"),
        ("0.0.0.0", "http://127.0.0.1:8000/v1"),
        ("::", "http://[::1]:8000/v1"),
        ("node7", "http://node7:8000/v1"),
    ],
)
def test_a_client_on_the_same_machine_finds_the_server(host: str, url: str) -> None:
    assert ServeOptions(host).url == url

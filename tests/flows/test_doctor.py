"""What `imagenet-think doctor` prints, and whether it is content."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants

from flows.doctor import diagnose
from schemas.config import BuildConfig
from schemas.engines import CustomEngine, PixelsEngine
from schemas.errors import ConfigError
from tests.collections import make_collection
from tests.flows.conftest import command_line, environment
from tests.pipeline.doctor.world import make_config

PIXELS = PixelsEngine(kind="pixels")


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def sound(tmp_path: Path) -> BuildConfig:
    return make_config(make_collection(tmp_path / "images", "tree", ["n01440764"], 1), PIXELS)


@pytest.fixture
def sick(tmp_path: Path) -> BuildConfig:
    return make_config(tmp_path / "nowhere", PIXELS)


def test_a_sound_machine_is_a_line_a_finding_and_a_sum(
    sound: BuildConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert diagnose(sound, tmp_path / "run", engine=False, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    for what in ("system", "open files", "GPUs", "source", "file system", "run directory"):
        assert [line for line in lines if line[2:].startswith(what)], what
    assert any(line.startswith("✓ source") for line in lines)
    assert lines[-1].startswith("0 fault(s)")


def test_a_fault_has_its_mark_and_under_it_the_remedy(
    sick: BuildConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not diagnose(sick, tmp_path / "run", engine=False, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    (number,) = [number for number, line in enumerate(lines) if line.startswith("✗ source")]
    assert "nowhere does not exist" in lines[number]
    assert lines[number + 1].strip().startswith("→ set source.path")
    # whole, though the terminal that it does not go to is narrow
    assert lines[number + 1].strip().endswith("or to hf://datasets/OWNER/NAME")
    assert lines[-1].startswith("1 fault(s)")


@pytest.mark.parametrize("kind", ["sound", "sick"])
def test_json_holds_every_finding_and_nothing_else_is_printed(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    healthy = diagnose(request.getfixturevalue(kind), tmp_path / "run", engine=False, as_json=True)
    report = json.loads(capsys.readouterr().out)
    levels = [finding["level"] for finding in report["findings"]]
    assert healthy is (report["faults"] == 0) is (kind == "sound")
    assert report["faults"] == levels.count("fault")
    assert report["warnings"] == levels.count("warning")
    assert all(set(finding) == {"level", "what", "detail", "remedy"} for finding in report["findings"])


def test_without_a_build_both_known_teachers_are_examined(capsys: pytest.CaptureFixture[str]) -> None:
    diagnose(None, None, engine=False, as_json=True)
    examined = {finding["what"] for finding in json.loads(capsys.readouterr().out)["findings"]}
    assert {"glm-4.1v-9b-thinking weights", "kimi-vl-a3b-thinking-2506 weights"} <= examined


def test_an_unknown_teacher_is_the_configurations_mistake(sound: BuildConfig) -> None:
    (teacher,) = sound.teachers
    unknown = sound.model_copy(update={"teachers": (teacher.model_copy(update={"name": "gpt"}),)})
    with pytest.raises(ConfigError, match="no teacher 'gpt'"):
        diagnose(unknown, None, engine=False, as_json=False)


def test_what_looks_like_markup_is_shown_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "[red]images[/red]"
    config = make_config(folder, CustomEngine(kind="custom", factory="no.such:factory", options={}))
    diagnose(config, None, engine=False, as_json=False)
    assert str(folder) in capsys.readouterr().out


def test_a_reader_that_goes_away_does_not_count_as_being_stopped(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command_line("doctor"),
        cwd=tmp_path,
        env=environment() | {"HF_HUB_OFFLINE": "1"},
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_nothing_heavy_is_imported_without_a_trial(tmp_path: Path) -> None:
    program = """
import sys
from flows.doctor import diagnose
diagnose(None, None, engine=False, as_json=True)
loaded = [name for name in ("torch", "vllm", "transformers", "prefect", "aiohttp") if name in sys.modules]
sys.exit(f"imported {loaded}" if loaded else 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment() | {"HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr

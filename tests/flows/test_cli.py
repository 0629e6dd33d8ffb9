"""Bad input is answered by one line with the remedy and an exit code, before anything heavy is started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flows.cli import main
from pipeline.rundir import exclusive, open_run
from schemas.loading import load_config
from tests.collections import make_collection
from tests.flows.conftest import environment

TEACHERS = "teachers: [{name: glm-4.1v-9b-thinking, engine: {kind: pixels}}]"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    make_collection(tmp_path / "images", "tree", ["n01440764"], 2)
    path = tmp_path / "build.yaml"
    path.write_text(f"source: {{path: images}}\n{TEACHERS}\n")
    return path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["imagenet-think", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("source: {path: images}", "teachers: missing"),
        (f"source: {{path: images}}\nimages: 5\n{TEACHERS}", "images: unknown key"),
        (f"source: {{path: nowhere}}\n{TEACHERS}", "nowhere"),
        (f"source: {{path: empty}}\n{TEACHERS}", "empty"),
        (f"source: {{path: images}}\nprompt: no-such-prompt\n{TEACHERS}", "no-such-prompt"),
        ("source: {path: images}\nteachers: [{name: gpt, engine: {kind: pixels}}]", "gpt"),
        (
            f"source: {{path: images}}\n{TEACHERS}".replace("kind: pixels", "kind: custom, factory: no:such"),
            "engine factory no:such",
        ),
        (f"source: {{path: images}}\nselection: {{classes: [n99999999]}}\n{TEACHERS}", "n99999999"),
        (f"source: {{path: images}}\nselection: {{holdout: {{subtrees: [n99999999]}}}}\n{TEACHERS}", "n99999999"),
    ],
)
@pytest.mark.parametrize("arguments", [[], ["--dry-run"]], ids=["build", "dry-run"])
def test_a_mistake_in_the_configuration_is_one_line_before_anything_is_made(
    text: str,
    said: str,
    arguments: list[str],
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (config.parent / "empty").mkdir()
    config.write_text(text)
    assert run(monkeypatch, "build", config, "--run-dir", config.parent / "run", *arguments) in (1, 2)
    error = capsys.readouterr().err
    assert error.startswith("imagenet-think: ")
    assert said in error
    assert error.count("\n") == 1
    assert not (config.parent / "run").exists()


def test_a_run_directory_of_another_configuration_is_refused_and_untouched(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = load_config(config).model_copy(update={"seed": 7})
    open_run(config.parent / "run", other)
    before = {path: path.read_bytes() for path in (config.parent / "run").iterdir()}
    assert run(monkeypatch, "build", config, "--run-dir", config.parent / "run") == 1
    assert "seed was 7 and is 0" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in (config.parent / "run").iterdir()} == before


def test_a_run_directory_that_is_in_use_is_refused(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_config(config)
    with exclusive(open_run(config.parent / "run", settings), settings):
        assert run(monkeypatch, "index", config, "--run-dir", config.parent / "run") == 1
    assert "is at work in it" in capsys.readouterr().err


def test_an_unknown_teacher_of_generate_is_named_with_the_known_ones(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "generate", config, "--run-dir", config.parent / "run", "--teacher", "kimi") == 2
    assert "name one of glm-4.1v-9b-thinking" in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, "folder", "file"])
def test_verifying_what_is_no_dataset_is_one_line(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "dataset"
    if content == "folder":
        target.mkdir()
    elif content == "file":
        target.touch()
    assert run(monkeypatch, "verify", target) == 1
    said = capsys.readouterr()
    assert str(target) in said.out + said.err
    assert "Traceback" not in said.err


def test_a_dry_run_says_what_is_to_do_and_makes_nothing(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "build", config, "--run-dir", config.parent / "run", "--dry-run") == 0
    said = capsys.readouterr().out
    assert "generate glm-4.1v-9b-thinking" in said
    assert "up to 250,000 images" in said
    assert not (config.parent / "run").exists()


@pytest.mark.parametrize("arguments", [["--help"], ["build", "--help"], ["verify", "--help"], ["--version"]])
def test_help_and_version_are_there(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *arguments) == 0
    assert capsys.readouterr().out.strip()


HEAVY = ["prefect", "torch", "vllm"]


@pytest.mark.parametrize(
    "arguments", [["--help"], ["build", "CONFIG", "--run-dir", "run", "--dry-run"], ["verify", "nowhere"]]
)
def test_verbs_that_need_no_orchestration_do_not_import_it(arguments: list[str], config: Path) -> None:
    arguments = [str(config) if argument == "CONFIG" else argument for argument in arguments]
    program = f"""
import sys
sys.argv = ["imagenet-think", *{arguments!r}]
from flows.cli import main
try:
    main()
except SystemExit:
    pass
loaded = [name for name in {HEAVY!r} if name in sys.modules]
sys.exit(f"imported {{loaded}}" if loaded else 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=config.parent,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr

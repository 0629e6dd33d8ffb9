"""The verb: a table, JSON, again and again; and its refusals, each in one line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from flows.cli import main
from flows.status import WORKERS_SHOWN, describe_status
from pipeline import stages
from pipeline.rundir import exclusive
from schemas.status import RunStatus
from tests.pipeline.watching.world import IDS, NOW, TEACHER, HandWritten, attempt, look, select

ROOT = Path(__file__).parents[2]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["imagenet-think", "status", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> stages.Build:
    """Generated, with one image that is refused."""
    build = select(tmp_path_factory.mktemp("status"), {IDS[0]: ["refuse"], IDS[1]: ["no_think", "ok"]})
    stages.generate(build, TEACHER)
    return build


def test_it_says_how_far_a_build_has_come(
    build: stages.Build, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with exclusive(build.run, build.config):  # as while it runs
        assert run(monkeypatch, build.run.path) == 0
    said = re.sub(r" +", " ", capsys.readouterr().out)
    for line in (
        "select done 8 images",
        f"generate done {TEACHER}",
        "done 7 87.5% of 8",
        "given up 1 refused 1",
        "rung as_is 8 asked, 6 (75.0%) accepted",
        "failed attempts 2 no_think 1, refused 1",
        "pack to do",
        "verify to do",
    ):
        assert line in said


def test_its_json_is_the_contract(
    build: stages.Build, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, build.run.path, "--json") == 0
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    status = RunStatus.model_validate_json(said)
    assert status.teachers[0].done == 7
    assert list(json.loads(said)) == list(RunStatus.model_fields)


def test_it_watches_until_it_is_interrupted(build: stages.Build) -> None:
    command = [sys.executable, "-m", "flows.cli", "status", str(build.run.path), "--json", "--watch", "--every", "0.1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        first, second = (RunStatus.model_validate_json(process.stdout.readline()) for _ in range(2))
        process.send_signal(2)
        assert process.wait(30) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert second.at > first.at
    assert second.teachers[0].done == first.teachers[0].done == 7


def test_it_needs_no_prefect(build: stages.Build) -> None:
    script = f"""
import sys
from pathlib import Path
from flows.cli import app
from flows.status import show_status
from pipeline.progress import Silent
show_status(Path({str(build.run.path)!r}), Silent(), None, as_json=True)
sys.exit("prefect" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("nowhere", "nowhere: there is no such folder; name the directory of a build"),
        ("empty", "empty: holds no config.yaml; name the directory of a build that was started"),
    ],
)
def test_what_is_no_build_is_one_line(
    folder: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert run(monkeypatch, tmp_path / folder) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_silent_workers_are_marked_and_many_are_summed_up(tmp_path: Path) -> None:
    build = select(tmp_path)
    ledger = HandWritten(build)
    for number in range(WORKERS_SHOWN + 4):
        ended = NOW - 60 * number - (36_000 if number else 0)
        ledger.add([attempt(IDS[number % 4], 1, ended=ended)], f"node{number}")
    lines = {line.what.strip(): line for line in describe_status(look(build))}
    assert lines["node0"].note == "wrote 0 s ago, 1 lately"
    assert lines["node1"].note == "SILENT, wrote 10 h 1 min ago"
    assert lines["4 others"].note == "wrote 10 h 16 min ago or before"


def test_a_worker_s_name_cannot_act_on_the_terminal(tmp_path: Path) -> None:
    build = select(tmp_path)
    HandWritten(build).add([attempt(IDS[0], 1)], "\x1b[2Jnode")
    assert any(line.what == r"  \x1b[2Jnode" for line in describe_status(look(build)))

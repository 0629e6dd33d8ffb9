"""The verb: what it prints, its exit codes, and that a publication that is killed leaves nothing and goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from flows.cli import main
from tests.fakes.hub import Script, run_hub
from tests.flows.conftest import command_line, environment
from tests.pipeline.packing.world import World, make_world
from tests.pipeline.publishing.hub_world import ACCOUNTS, REPO, TOKEN, world_of

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=")  # of huggingface_hub's own uploads


class Verb:
    """The command line in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        """Exit code, output and errors of ``publish``."""
        self._monkeypatch.setattr(sys, "argv", ["imagenet-think", "publish", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = self._capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return caught.value.code, out, err


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = make_world(tmp_path_factory.mktemp("world"), train=12, benchmark=3)
    world.images_per_shard = 3
    world.pack()
    return world


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Verb:
    return Verb(monkeypatch, capsys)


def test_it_says_what_stands_where_and_how_to_load_it(world: World, tmp_path: Path, verb: Verb) -> None:
    with world_of(tmp_path) as hub:
        code, out, err = verb(world.out, REPO, "--work-dir", tmp_path / "work", "--tag", "v1", "-q")
        tag = next(name for name in hub.datasets[REPO].tags if name != "v1")
        assert (code, err) == (0, "")
        assert f"{REPO} at {tag}: published, and read back whole" in out
        assert "15  rows: 15 added, 0 removed, 0 changed" in out
        assert f"rows = load_dataset('{REPO}', revision='{tag}', streaming=True)" in out
        code, out, err = verb(world.out, REPO, "--work-dir", tmp_path / "work", "--tag", "v1", "-q")
        assert (code, err) == (0, "")
        assert f"{REPO} at {tag}: was there already, and read back whole" in out
        assert TOKEN not in out


def test_a_dry_run_lists_files_and_prints_the_card(world: World, tmp_path: Path, verb: Verb) -> None:
    with world_of(tmp_path, token=None) as hub:
        code, out, err = verb(world.out, REPO, "--work-dir", tmp_path / "work", "--dry-run", "-q")
        assert hub.datasets == {}
    assert (code, err) == (0, "")
    assert "data/train-00000-of-00004.tar" in out
    assert "configs:" in out
    assert f"{REPO} (new): " in out
    assert "15 rows, annotations; nothing was sent" in out


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        ((REPO, "--include-images"), 2, "then add --accept-imagenet-terms"),
        (("thoughts",), 2, "REPO_ID thoughts names no repository; write OWNER/NAME"),
        ((REPO,), 1, "there is no token, and publishing needs one; set HF_TOKEN, or run hf auth login"),
    ],
)
def test_what_is_not_published_is_one_line(
    world: World, tmp_path: Path, verb: Verb, arguments: tuple[str, ...], code: int, line: str
) -> None:
    with world_of(tmp_path, token=None):
        got, out, err = verb(world.out, *arguments, "--work-dir", tmp_path / "work", "-q")
    assert (got, out) == (code, "")
    assert err.count("\n") == 1
    assert line in err


@pytest.mark.slow
@pytest.mark.parametrize("taken", [0, 3])
def test_a_publication_that_is_killed_shows_nothing_and_sends_the_rest_when_it_is_started_again(
    world: World, tmp_path: Path, taken: int
) -> None:
    script = Script()
    with run_hub(scratch=tmp_path / "hub", accounts=ACCOUNTS, script=script) as hub:
        settings = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home"), "HF_TOKEN": TOKEN}
        command = command_line("publish", world.out, REPO, "--work-dir", tmp_path / "work", "-q")
        env = {**environment(), **settings, "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"}
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

        def kill(so_far: int) -> None:
            if so_far >= taken:
                os.kill(process.pid, signal.SIGKILL)

        script.on_put = kill
        output, _ = process.communicate(timeout=120)
        assert process.returncode == -signal.SIGKILL, output
        assert {path.name for path in hub.datasets[REPO].folder().iterdir()} == {".gitattributes"}
        sent = list(script.uploaded)
        script.on_put = None
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        assert "published, and read back whole" in done.stdout
        assert len(hub.datasets[REPO].history) == 2
    assert script.uploaded[: len(sent)] == sent
    assert len(script.uploaded) == len(set(script.uploaded))
    assert TOKEN not in done.stdout + done.stderr + output.decode()


@pytest.mark.slow
def test_a_second_ctrl_c_ends_an_upload_that_hangs_and_says_how_to_go_on(world: World, tmp_path: Path) -> None:
    begun, released = threading.Event(), threading.Event()

    def hang(_: int) -> None:
        begun.set()
        released.wait(60)

    script = Script(on_put=hang)
    with run_hub(scratch=tmp_path / "hub", accounts=ACCOUNTS, script=script) as hub:
        settings = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home"), "HF_TOKEN": TOKEN}
        command = command_line("publish", world.out, REPO, "--work-dir", tmp_path / "work", "-q")
        env = {**environment(), **settings, "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"}
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert begun.wait(60)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)  # two signals that come together are one
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        released.set()
    assert (process.returncode, out) == (130, "")
    assert err.strip().splitlines()[0].startswith("stopped; what is done is kept. To go on: imagenet-think publish")
    assert err.strip().count("\n") == 0

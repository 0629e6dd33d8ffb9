"""`imagenet-think show`: records on the terminal, as JSON, and as a page."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from flows.cli import main
from flows.show import print_json, print_record
from pipeline.packed import PackedDataset, Row, open_dataset
from pipeline.packing.card import Placement
from pipeline.progress import Silent
from pipeline.publishing.editions import stage_release
from pipeline.showing import find_row
from schemas.record import ThinkRecord
from tests.pipeline.packing.world import HEIGHT, HOUSEDOG, TENCH, WIDTH, Results, make_completion, make_world
from tests.pipeline.reporting.reading import read_page
from tests.pipeline.showing.conftest import HOSTILE

LONG = " ".join(f"word{number}" for number in range(500))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> PackedDataset:
    """Two splits; one teacher thinks long, and the benchmark's only record is hostile."""
    world = make_world(tmp_path_factory.mktemp("packed"), train=8, benchmark=1)
    texts = [(f"{LONG}|An answer.", "Short.|Another answer.")] * 8 + [(f"x|{HOSTILE}", f"{HOSTILE}|x")]
    world.results = [
        Results(
            name,
            [
                make_completion(image.ref.image_id, name, text[which])
                for image, text in zip(world.images, texts, strict=True)
            ],
        )
        for which, name in enumerate(("glm", "kimi"))
    ]
    world.pack()
    return open_dataset(world.out)


@pytest.fixture
def show(dataset: PackedDataset, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Show:
    return Show(dataset, monkeypatch, capsys)


class Show:
    """The verb, in this process."""

    def __init__(
        self, dataset: PackedDataset, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self._dataset, self._monkeypatch, self._capsys = dataset, monkeypatch, capsys

    def __call__(self, *arguments: object, root: Path | None = None, code: int = 0) -> str:
        """What it prints, be it a result or an error."""
        line = ["imagenet-think", "show", str(root or self._dataset.root), *map(str, arguments)]
        self._monkeypatch.setattr(sys, "argv", line)
        with pytest.raises(SystemExit) as caught:
            main()
        printed = self._capsys.readouterr()
        assert caught.value.code == code, printed.err
        assert (printed.err == "") == (code == 0)
        assert code == 0 or printed.err.count("\n") == 1
        return printed.out if code == 0 else printed.err


def test_without_a_key_some_records_of_every_split_are_listed_and_how_to_see_one(show: Show) -> None:
    printed = show()
    assert {f"{HOUSEDOG}_1", f"{TENCH}_8"} & set(re.findall(r"^n\d{8}_\d+", printed, re.MULTILINE))
    assert len(re.findall(r"^n\d{8}_\d+", printed, re.MULTILINE)) == 6
    assert "6 of 9 records" in printed
    (key,) = re.findall(r"imagenet-think show \S+ (\S+) --full", printed)
    assert key in printed
    assert len(re.findall(r"^n\d{8}_\d+", show("--limit", 2), re.MULTILINE)) == 2
    assert re.findall(r"^n\d{8}_\d+", show("--split", "benchmark"), re.MULTILINE) == [f"{TENCH}_8"]


def test_a_record_is_shown_with_its_facts_and_both_answers(show: Show) -> None:
    printed = show(f"{HOUSEDOG}_1")
    for said in (
        f"{WIDTH} × {HEIGHT} pixels, JPEG",
        "describe-step-by-step, class not shown",
        "lab/glm@main",
        "lab/kimi@main",
        "ok, finished by stop",
        "An answer.",
        "Another answer.",
        "agreement    0.33",
    ):
        assert said in printed


def test_long_thinking_is_folded_unless_all_is_asked_for(show: Show) -> None:
    key = f"{HOUSEDOG}_1"
    folded, full = show(key), show(key, "--full")
    hidden = LONG[LONG.index("word39") + 6 : LONG.index("word475")]
    assert f"{len(hidden):,} characters" in folded
    assert "word39 …" in folded
    assert "… word475" in folded
    assert "word200" not in folded
    assert "word200" in full
    assert "Short." in folded


def test_whole_records_can_be_asked_for_without_a_key(show: Show) -> None:
    printed = show("--full", "--split", "train", "--limit", 2)
    assert len(re.findall(r"^n\d{8}_\d+", printed, re.MULTILINE)) == 2
    assert printed.count("word200") == printed.count("lab/glm@main") == 2


def test_a_screen_that_is_not_of_unicode_is_served_too(dataset: PackedDataset) -> None:
    command = [sys.executable, "-m", "flows.cli", "show", str(dataset.root), f"{HOUSEDOG}_1"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert rf"{WIDTH} \xd7 {HEIGHT} pixels" in done.stdout


def test_a_member_s_name_finds_its_record(show: Show) -> None:
    assert show(f"{HOUSEDOG}_1.jpg") == show(f"{HOUSEDOG}_1")


def test_what_models_write_reaches_no_terminal(dataset: PackedDataset) -> None:
    screen = io.StringIO()
    row = find_row(dataset, f"{TENCH}_8")
    print_record(Console(file=screen, force_terminal=True, color_system="truecolor", width=400), row, full=True)
    printed = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())  # colours are ours
    assert "\x1b" not in printed
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", printed)
    assert r"\x1b[2J\x1b]0;stolen\x07 [bold red]loud[/] :warning: exe\u202egpj" in printed


@pytest.mark.parametrize("arguments", [[], ["--json"], [f"{TENCH}_8"], [f"{TENCH}_8", "--json"]])
def test_a_pipe_gets_no_escapes_either(arguments: list[str], show: Show) -> None:
    printed = show(*arguments)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", printed)


def test_json_is_printable(dataset: PackedDataset, capsys: pytest.CaptureFixture[str]) -> None:
    row = find_row(dataset, f"{TENCH}_8")
    record = row.record.model_copy(update={"definition": "a\x7fb"})
    print_json([Row(record, row.label, None)])
    (line,) = capsys.readouterr().out.splitlines()
    assert line.isprintable()
    assert ThinkRecord.model_validate_json(line) == record


def test_json_is_the_records_as_they_were_published_one_a_line(show: Show, dataset: PackedDataset) -> None:
    (line,) = show(f"{TENCH}_8", "--json").splitlines()
    assert ThinkRecord.model_validate_json(line) == find_row(dataset, f"{TENCH}_8").record
    assert line.isascii()
    assert len({json.loads(line)["image_id"] for line in show("--json", "--limit", 4).splitlines()}) == 4


def test_the_page_holds_the_records_asked_for(show: Show, tmp_path: Path) -> None:
    page = tmp_path / "new" / "page.html"
    assert show("--html", page).startswith(f"written: {page}")
    assert len(read_page(page.read_bytes()).find_all("article")) == 9
    show("--html", page, "--limit", 3)
    assert len(read_page(page.read_bytes()).find_all("article")) == 3
    show(f"{HOUSEDOG}_1", "--html", page)
    (article,) = read_page(page.read_bytes()).find_all("article")
    assert article.attributes["id"] == f"{HOUSEDOG}_1"


def test_the_edition_without_pictures_is_shown_too_and_says_so(
    show: Show, dataset: PackedDataset, tmp_path: Path
) -> None:
    folder = tmp_path / "annotations"
    stage_release(dataset, folder, "annotations", Placement(), Silent(), workers=1)
    assert "records, without pictures." in show(root=folder)
    assert "none: this edition has no pictures" in show(f"{HOUSEDOG}_1", root=folder)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["n01440764_5"], 1, "'n01440764_5' is not in .*; perhaps you mean n01440764_0, n01440764_2, n01440764_4"),
        (["\x1b[2J"], 1, r"'\\x1b\[2J' is not in "),
        (["--split", "test"], 2, "--split test: not in .*; it has train, benchmark"),
        (["--json", "--html", "page.html"], 2, "--html and --json; choose one of them"),
        (
            ["--html", "/dev/null/page.html"],
            2,
            "/dev/null/page.html: cannot be written .*; name another file in --html",
        ),
        (["--html", "/dev/null"], 2, "/dev/null: is no ordinary file; name another file in --html"),
    ],
)
def test_a_mistake_is_one_line_with_the_remedy(arguments: list[str], code: int, said: str, show: Show) -> None:
    assert re.search(said, show(*arguments, code=code))


def test_a_page_is_not_put_into_the_dataset(show: Show, dataset: PackedDataset) -> None:
    assert "lies inside the dataset" in show("--html", dataset.root / "data" / "page.html", code=2)
    assert "there is no such folder" in show(root=dataset.root / "nowhere", code=1)

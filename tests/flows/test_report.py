"""`imagenet-think report`: a selection's story, on the terminal, as JSON, and as a page."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.summary import Line, summarise
from pipeline import stages
from pipeline.rundir import RunDirectory
from pipeline.tables import read_rows
from schemas.config import BuildConfig
from schemas.image import SelectedImage
from schemas.loading import parse_config
from schemas.rejection import Rejection
from schemas.selection_report import SelectionReport
from tests.collections import make_collection
from tests.pipeline.reporting.reading import read_page, read_table
from tests.pipeline.reporting.world import ASTRONAUT, DAHLIA, TABBY, TENCH, small_selection

Run = Callable[..., subprocess.CompletedProcess[str]]


def words(text: str) -> list[str]:
    """The lines, without the spaces that make columns of them."""
    return [" ".join(line.split()) for line in text.splitlines()]


def files(run: RunDirectory) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.selection.iterdir()}


def test_the_whole_report_is_printed_and_its_files_are_made_anew(imagenet_think: Run, tmp_path: Path) -> None:
    run = small_selection().write(tmp_path / "run")
    done = imagenet_think("report", run.path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = words(done.stdout)
    for line in (
        "in the source 1,277",
        "plant 1 1 9 9 1 1 12.5%",
        "1000–1999 1 1 1,200 3 3 3",
        "missed 1 2 images short",
        f"{DAHLIA} dahlia 9 1 3 1 7 too_small, 1 exact_duplicate",
        f"select blank 1 {TENCH}_20",
        "2.2 0 0 3",
        "benchmark image 2",
    ):
        assert line in lines
    made = files(run)
    for name in ("report.html", "report.parquet"):
        (run.selection / name).unlink()
    assert imagenet_think("report", run.path).returncode == 0
    assert files(run) == made


def test_what_is_printed_is_plain_text_without_a_terminal(imagenet_think: Run, tmp_path: Path) -> None:
    run = small_selection().write(tmp_path / "run")
    printed = imagenet_think("report", run.path).stdout
    assert "\x1b" not in printed
    assert "<script>alert('&')</script>" in printed  # a member's name, as it is


def test_json_and_a_page_elsewhere_leave_the_run_directory_as_it_is(imagenet_think: Run, tmp_path: Path) -> None:
    run = small_selection().write(tmp_path / "run")
    before = files(run)
    page = tmp_path / "elsewhere" / "page.html"
    done = imagenet_think("report", run.path, "--json", "--html", page)
    assert SelectionReport.model_validate_json(done.stdout).drawn == 8
    assert read_table(read_page(page.read_bytes()), "splits")[-1] == ["all", "", "8"]
    assert imagenet_think("report", run.path, "--json").stdout == done.stdout
    assert files(run) == before


@pytest.mark.parametrize("page", ["", "folder", "file.txt/page.html"])
def test_a_page_that_cannot_be_written_is_a_mistake_in_the_option(
    page: str, imagenet_think: Run, tmp_path: Path
) -> None:
    run = small_selection().write(tmp_path / "run")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.txt").touch()
    done = imagenet_think("report", run.path, "--html", page and tmp_path / page)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--html" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["run", "nowhere"])
def test_a_directory_without_a_selection_is_one_line(name: str, imagenet_think: Run, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    done = imagenet_think("report", tmp_path / name)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "run imagenet-think select first" in done.stderr


def configure(root: Path) -> BuildConfig:
    return parse_config(
        f"""
        source: {{path: {root / "images"}}}
        screening: {{workers: 1}}
        selection: {{images: 9, domains: {{animal: {{floor: 0.5}}}}}}
        teachers: [{{name: glm-4.1v-9b-thinking, engine: {{kind: pixels}}}}]
        """,
        "c.yaml",
    )


@pytest.fixture(scope="module")
def selected(tmp_path_factory: pytest.TempPathFactory) -> stages.Build:
    """A real selection of a small collection with two faults in it."""
    root = tmp_path_factory.mktemp("selected")
    make_collection(root / "images", "tree", [TENCH, TABBY, DAHLIA, ASTRONAUT], 5)
    for path in sorted((root / "images" / DAHLIA).iterdir())[:3]:
        path.write_bytes(path.read_bytes()[:2000])
    (root / "images" / "notes.txt").write_text("no image")
    build = stages.open_build(configure(root), root / "run")
    stages.index(build)
    stages.select(build)
    return build


def test_select_leaves_a_report_that_counts_what_it_drew(selected: stages.Build) -> None:
    run = selected.run
    rows = list(read_rows(run.selection / "selection.parquet", SelectedImage))
    rejections = list(read_rows(run.selection / "rejections.parquet", Rejection))
    page = read_page((run.selection / "report.html").read_bytes())
    flow = dict(read_table(page, "flow")[1:])
    assert (flow["lie in the source"], flow["are candidates"], flow["drawn"]) == ("21", "20", "9")
    assert int(flow["are not wanted or not usable (rejected by the draw)"]) == len(rejections)
    domains = {row[0]: row for row in read_table(page, "domains")}
    assert int(domains["animal"][6]) == sum(row.ref.wnid in (TENCH, TABBY) for row in rows)
    assert int(domains["plant"][6]) == sum(row.ref.wnid == DAHLIA for row in rows)
    assert domains["animal"][-1] == "50–100%"
    losses = {row[1]: row[2] for row in read_table(page, "losses")[1:]}
    assert losses == {"not_an_image_id": "1", "excluded_synset": "5", "decode_error": "3"}
    worst = read_table(page, "worst")[1]
    assert (worst[0], worst[-1]) == (DAHLIA, "3 decode_error")


def test_a_report_that_is_missing_is_made_again_and_the_same(selected: stages.Build) -> None:
    made = files_of_report(selected.run)
    (selected.run.selection / "report.parquet").unlink()
    stages.select(selected)
    assert files_of_report(selected.run) == made


def files_of_report(run: RunDirectory) -> list[bytes]:
    return [(run.selection / name).read_bytes() for name in ("report.parquet", "report.html")]


def test_the_summary_tells_classes_and_domains_in_short(selected: stages.Build) -> None:
    lines = {line.what: line for line in summarise(selected.config, selected.run.path)}
    assert lines["  classes"] == Line("  classes", "3", "quotas met 2, missed 1, unwanted 1")
    assert lines["  domains"] == Line("  domains", "2", "animal 77.8%, plant 22.2%")
    assert lines["  report"].note == str(selected.run.selection / "report.html")

"""The table at the end of a build, read off a run directory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.summary import Line, summarise
from pipeline import stages
from pipeline.rundir import RunDirectory
from schemas.config import BuildConfig
from schemas.loading import parse_config
from schemas.report import CanaryReport, GenerationReport
from tests.collections import collection_ids, make_collection

CLASSES = ["n01440764", "n02123045"]
IDS = collection_ids(CLASSES, 5)
TEACHER = "glm-4.1v-9b-thinking"


def configure(root: Path, script: dict[str, list[str]] | None = None, max_tokens: int = 1000) -> BuildConfig:
    options = json.dumps({"script": {"default": ["ok"], **(script or {})}})
    return parse_config(
        f"""
        source: {{path: {root / "images"}}}
        screening: {{workers: 1}}
        teachers:
          - name: {TEACHER}
            engine: {{kind: custom, factory: "tests.fakes.scripted_engine:create", options: {options}}}
            sampling: {{max_tokens: {max_tokens}}}
        """,
        "c.yaml",
    )


def generate(config: BuildConfig, root: Path) -> None:
    build = stages.open_build(config, root / "run")
    stages.index(build)
    stages.select(build)
    stages.generate(build, TEACHER)


def lines_of_teacher(config: BuildConfig, root: Path) -> list[Line]:
    lines = summarise(config, root / "run")
    first = next(number for number, line in enumerate(lines) if line.what == "pairs ok")
    return [line for line in lines[first:] if line.what == "pairs ok" or line.what.startswith("  ")]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_collection(tmp_path / "images", "tree", CLASSES, 5)
    return tmp_path


def test_a_run_without_a_fault_has_one_rung(root: Path) -> None:
    config = configure(root)
    generate(config, root)
    assert lines_of_teacher(config, root) == [
        Line("pairs ok", "10", TEACHER),
        Line("  rung as_is", "10", "asked, 10 (100.0%) accepted"),
    ]


@pytest.mark.parametrize("given_up", [(IDS[2], IDS[3]), (IDS[3], IDS[2])], ids=["one order", "the other"])
def test_every_rung_shows_its_yield_and_what_is_given_up_its_reasons(given_up: tuple[str, str], root: Path) -> None:
    script = {IDS[0]: ["no_think", "ok"], IDS[1]: ["loop", "loop", "ok"]}
    script |= {given_up[0]: ["chinese"], given_up[1]: ["refuse"]}
    config = configure(root, script)
    generate(config, root)
    assert lines_of_teacher(config, root) == [
        Line("pairs ok", "8", TEACHER),
        Line("  rung as_is", "10", "asked, 6 (60.0%) accepted"),
        Line("  rung new_seed", "3", "asked, 1 (33.3%) accepted"),
        Line("  rung repetition_penalty", "2", "asked, 1 (50.0%) accepted"),
        Line("  rung forced_close", "1", "asked, 0 (0.0%) accepted"),
        Line("  given up", "2", "refused 1, wrong_language 1"),
    ]


def test_all_starts_of_a_run_are_counted_and_what_a_longer_limit_superseded_stands_apart(root: Path) -> None:
    script = {IDS[0]: ["blind"]}
    generate(configure(root, script, max_tokens=20), root)
    config = configure(root, script, max_tokens=100)
    assert Line("  to ask again", "9", "images without a valid pair so far") in lines_of_teacher(config, root)
    generate(config, root)
    assert lines_of_teacher(config, root) == [
        Line("pairs ok", "10", TEACHER),
        Line("  rung as_is", "10", "asked, 10 (100.0%) accepted"),
        Line("  superseded", "36", "cut off at a smaller max_tokens than today's"),
    ]


@pytest.mark.parametrize(
    ("canaries", "note"),
    [
        (CanaryReport(asked=8, compared=8, exact=6, ok=7), "asked, 6 (75.0%) exact, 7 (87.5%) ok"),
        (CanaryReport(asked=1, compared=0, exact=0, ok=1), "asked, not compared, 1 (100.0%) ok"),
    ],
)
def test_what_the_canaries_showed_stands_beside_the_ladder(canaries: CanaryReport, note: str, root: Path) -> None:
    config = configure(root)
    generate(config, root)
    run = RunDirectory(root / "run")
    report = GenerationReport.model_validate_json((run.reports / f"generate-{TEACHER}.json").read_bytes())
    stages.write_report(run, f"generate-{TEACHER}", report.model_copy(update={"canaries": canaries}))
    assert Line("  canaries", str(canaries.asked), note) in lines_of_teacher(config, root)

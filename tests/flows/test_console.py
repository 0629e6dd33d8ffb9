"""Progress on a terminal and in a log."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from flows.console import Bars, Lines, make_progress
from pipeline.progress import Silent


def console(*, terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=160)


def written(on: Console) -> str:
    assert isinstance(on.file, io.StringIO)
    return on.file.getvalue()


def test_a_terminal_gets_bars_and_a_log_gets_lines() -> None:
    assert isinstance(make_progress(console(terminal=True)), Bars)
    assert isinstance(make_progress(console(terminal=False)), Lines)


@pytest.mark.parametrize("kind", [Bars, Lines])
def test_a_stage_says_its_name_its_count_and_its_state(kind: type[Bars | Lines]) -> None:
    on = console(terminal=kind is Bars)
    with kind(on).task("generate glm", None, "images") as task:
        task.expect(7)
        for _ in range(7):
            task.advance()
        task.describe("ok 7")
    for word in ("generate glm", "7", "images", "ok 7"):
        assert word in written(on)


@pytest.mark.parametrize("kind", [Bars, Lines])
def test_bytes_are_said_in_larger_units(kind: type[Bars | Lines]) -> None:
    on = console(terminal=kind is Bars)
    with kind(on).task("index", 1_300_000_000, "bytes") as task:
        task.advance(1_300_000_000)
    assert "1.3 GB" in written(on)
    assert "1,300" not in written(on)
    assert "GB bytes" not in written(on)


def test_a_line_on_the_way_says_how_many_bytes_of_how_many() -> None:
    on = console(terminal=False)
    with Lines(on, interval=0).task("index", 2_000_000, "bytes") as task:
        task.advance(500_000)
    assert written(on).startswith("index: 500.0 kB of 2.0 MB, ")
    assert "B/s, " in written(on)


def test_lines_come_now_and_then_and_once_at_the_end() -> None:
    on = console(terminal=False)
    with Lines(on, interval=3600).task("screen", 1000, "images") as task:
        for _ in range(1000):
            task.advance()
    assert written(on).count("\n") == 1
    assert written(on).startswith("screen: 1,000 images")


def test_a_line_on_the_way_says_how_much_is_left() -> None:
    on = console(terminal=False)
    with Lines(on, interval=0).task("screen", 1000, "images") as task:
        task.advance(10)
    first, last = written(on).splitlines()
    assert "of 1,000" in first
    assert "s left)" in first
    assert "left" not in last


def test_the_last_line_is_the_only_one_that_tells_of_the_end() -> None:
    on = console(terminal=False)
    with Lines(on, interval=0).task("screen", 2, "images") as task:
        task.advance()
        task.advance()
    assert [line.partition(",")[0] for line in written(on).splitlines()] == [
        "screen: 1 of 2 images",
        "screen: 2 images",
    ]


@pytest.mark.parametrize("kind", [Bars, Lines])
def test_what_looks_like_markup_is_shown_as_it_is(kind: type[Bars | Lines]) -> None:
    on = console(terminal=kind is Bars)
    with kind(on).task("[red]screen", None, "images") as task:
        task.advance()
        task.describe("[/tmp] ok")
    assert "[red]screen" in written(on)
    assert "[/tmp] ok" in written(on)


@pytest.mark.parametrize("kind", [Bars, Lines])
def test_a_stage_within_a_stage_is_shown_like_any_other(kind: type[Bars | Lines]) -> None:
    on = console(terminal=kind is Bars)
    progress = kind(on)
    with progress.task("generate glm", 7, "images") as outer:
        with progress.task("start glm", 1, "engine") as inner:
            inner.advance()
        outer.advance(7)
    with progress.task("pack", 3, "shards") as last:
        last.advance(3)
    for words in ("generate glm", "start glm", "pack", "7", "images", "engine", "shards"):
        assert words in written(on)


def test_work_of_one_unit_is_announced_in_a_log_and_has_no_rate() -> None:
    on = console(terminal=False)
    with Lines(on).task("start glm", 1, "engine") as task:
        assert written(on) == "start glm ...\n"
        task.advance()
    assert written(on).splitlines()[1] == "start glm: 1 engine, 0 s"


@pytest.mark.parametrize("kind", [Bars, Lines])
def test_a_warning_is_a_line_of_its_own_even_in_the_midst_of_a_stage(kind: type[Bars | Lines]) -> None:
    on = console(terminal=kind is Bars)
    progress = kind(on)
    with progress.task("start glm", 1, "engine"):
        progress.warn("[glm] the revision is not pinned")
    (line,) = (line for line in written(on).splitlines() if "not pinned" in line)
    assert "warning: [glm] the revision is not pinned" in line


def test_a_warning_is_not_lost_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    Silent().warn("the revision is not pinned")
    assert capsys.readouterr().err == "imagenet-think: warning: the revision is not pinned\n"

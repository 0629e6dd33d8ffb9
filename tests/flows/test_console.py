"""Progress on a terminal and in a log."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from flows.console import Bars, Lines, make_progress


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


def test_what_looks_like_markup_is_shown_as_it_is() -> None:
    on = console(terminal=False)
    with Lines(on).task("[red]screen", None, "images") as task:
        task.advance()
    assert "[red]screen" in written(on)

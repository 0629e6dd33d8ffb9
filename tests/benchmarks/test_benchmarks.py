"""Every benchmark runs, at a size that measures nothing; and the table says what was measured."""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable
from itertools import repeat

import pytest

from benchmarks.__main__ import main
from benchmarks.harness import Comparison, Round, format_table, race
from benchmarks.source_scale import PARTS
from benchmarks.suite import BENCHMARKS, GROUPS, NEEDS, run_benchmarks


@functools.cache
def measure(name: str) -> list[Comparison]:
    return list(run_benchmarks([name], "tiny"))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in BENCHMARKS if name not in {*NEEDS, *GROUPS}])
def test_a_benchmark_compares_something_with_a_named_baseline(name: str) -> None:
    comparisons = measure(name)
    assert comparisons
    for comparison in comparisons:
        assert comparison.what
        assert comparison.against
        assert all(math.isfinite(figure) and figure > 0 for figure in (comparison.ours, comparison.baseline))


def test_a_group_runs_benchmarks_that_can_be_asked_for_by_name() -> None:
    assert PARTS.items() <= BENCHMARKS.items()


@pytest.mark.slow
def test_selection_is_compared_in_seconds_and_in_memory() -> None:
    assert [comparison.unit for comparison in measure("selecting")] == ["rows/s", "MB"] * 2


@pytest.mark.slow
def test_memory_is_compared_stage_by_stage() -> None:
    stages = [comparison.what.split(", ")[1] for comparison in measure("memory")]
    assert stages == ["index", "select", "generate", "pack", "verify"]


def make_clock(*durations: float) -> Callable[[], float]:
    """A clock on which the first work takes the first duration, and so on."""
    ticks = [0.0]
    for duration in durations:
        ticks += [ticks[-1] + duration, ticks[-1] + duration]
    return iter(ticks).__next__


def test_the_two_ways_take_turns_in_going_first() -> None:
    order: list[str] = []
    turn = Round(1, lambda: order.append("ours"), lambda: order.append("baseline"))
    race("work", "items/s", "the old way", repeat(turn, 2))
    assert order == ["baseline", "ours", "ours", "baseline"]


def test_the_ratio_is_the_median_of_the_rounds_ratios() -> None:
    turn = Round(8, lambda: None, lambda: None)
    # (baseline, ours), (ours, baseline), (baseline, ours): ours is twice, four times, half as fast
    clock = make_clock(2, 1, 1, 4, 4, 8)
    result = race("work", "items/s", "the old way", repeat(turn, 3), clock)
    assert result == Comparison("work", "items/s", 8.0, 2.0, "the old way", (2.0, 4.0, 0.5))
    assert result.ratio == 2.0


def test_a_race_between_ways_that_find_different_things_is_void() -> None:
    with pytest.raises(ValueError, match="one way found 2, the other 1"):
        race("work", "items/s", "the old way", [Round(1, lambda: 1, lambda: 2)])


def test_the_table_names_what_was_measured_and_against_what() -> None:
    comparison = Comparison("screen", "images/s", 1234.5, 0.5, "Pillow", (2.0, 3.0, 2.5))
    header, _, line = format_table([comparison]).splitlines()
    assert header.split() == ["what", "ours", "baseline", "ratio"]
    assert line == "screen  1,230 images/s  0.5 images/s, Pillow  2.50 (2.00-3.00)"


def test_the_command_measures_what_it_is_asked_to(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    comparison = Comparison("fast work", "items/s", 2.0, 1.0, "the old way", (2.0,))
    monkeypatch.setitem(BENCHMARKS, "fake", lambda scale, _: iter([comparison] if scale == "quick" else []))
    main(["fake", "--quick"])
    assert "fast work  2 items/s  1 items/s, the old way  2.00" in capsys.readouterr().out


def test_what_needs_vllm_is_left_out_where_it_is_missing_and_refused_by_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)  # as if it were not installed
    for name in BENCHMARKS:
        monkeypatch.setitem(BENCHMARKS, name, lambda *_: iter([]))
    main(["--quick"])
    assert "left out: engine needs vLLM: pip install 'imagenet-think[gpu]'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["engine"])
    assert "engine needs vLLM" in capsys.readouterr().err


def test_an_unknown_benchmark_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["speed"])
    assert "there is no benchmark 'speed'; known are indexing, " in capsys.readouterr().err

"""How fast, how long yet, and who writes: from the rows' times and the parts' names."""

from __future__ import annotations

import pytest

from pipeline.stages import Build
from schemas.completion import PairStatus
from tests.pipeline.watching.world import IDS, NOW, HandWritten, attempt, look_at_teacher

MINUTE = 60.0
HOUR = 3600.0


def test_the_rate_of_lately_tells_the_time_that_is_left(selected: Build, ledger: HandWritten) -> None:
    ledger.add([attempt(IDS[0], 1, ended=NOW - 2 * HOUR, seconds=HOUR)], written=NOW - 2 * HOUR)
    ledger.add([attempt(image_id, 1, ended=NOW - MINUTE) for image_id in IDS[1:4]])
    teacher = look_at_teacher(selected)
    assert teacher.lately is not None
    assert teacher.lately.minutes == 15
    assert teacher.lately.images_per_minute == pytest.approx(3 / 15)
    assert teacher.lately.tokens_per_second == pytest.approx(3 * 600 / 900)
    assert teacher.minutes_left == pytest.approx((len(IDS) - 4) / (3 / 15))
    assert teacher.since_start is not None
    assert teacher.since_start.minutes == pytest.approx(179)
    assert teacher.since_start.images_per_minute == pytest.approx(4 / 179)


def test_a_build_younger_than_lately_is_measured_over_its_age(selected: Build, ledger: HandWritten) -> None:
    ledger.add([attempt(IDS[0], 1, ended=NOW, seconds=2 * MINUTE)])
    teacher = look_at_teacher(selected)
    assert teacher.lately is not None
    assert (teacher.lately.minutes, teacher.lately.images_per_minute) == (2, 0.5)


def test_nobody_can_tell_the_time_left_of_a_build_that_stands_still(selected: Build, ledger: HandWritten) -> None:
    ledger.add([attempt(IDS[0], 1, ended=NOW - HOUR)])
    teacher = look_at_teacher(selected)
    assert teacher.minutes_left is None
    assert teacher.lately is not None
    assert teacher.lately.images_per_minute == 0


def test_a_worker_that_fell_silent_is_marked(selected: Build, ledger: HandWritten) -> None:
    ledger.add([attempt(image_id, 1, ended=NOW - HOUR) for image_id in IDS[:2]], "node1")
    ledger.add([attempt(IDS[2], 1, ended=NOW - HOUR)], "node2")
    ledger.add([attempt(IDS[3], 1, ended=NOW - 5), attempt(IDS[4], 1, PairStatus.NO_THINK, ended=NOW - 9)], "node2")
    first, second = look_at_teacher(selected).workers
    assert (first.worker, first.state, first.parts, first.attempts) == ("node2", "writing", 2, 3)
    assert (first.images, first.images_lately, first.seconds_since) == (2, 1, 5)
    assert (second.worker, second.state, second.images, second.images_lately) == ("node1", "silent", 2, 0)
    assert second.seconds_since == HOUR


def test_nobody_is_silent_when_nothing_is_left_to_ask(selected: Build, ledger: HandWritten) -> None:
    ledger.add([attempt(image_id, 1, ended=NOW - HOUR) for image_id in IDS])
    teacher = look_at_teacher(selected)
    assert teacher.state == "done"
    assert [worker.state for worker in teacher.workers] == ["idle"]


def test_times_survive_a_copy_of_the_directory(selected: Build, ledger: HandWritten) -> None:
    ledger.add([attempt(IDS[0], 1, ended=NOW - HOUR)], written=NOW)
    (worker,) = look_at_teacher(selected).workers
    assert (worker.state, worker.seconds_since) == ("silent", HOUR)


def test_a_worker_whose_clock_is_fast_is_set_right_by_the_file_server(selected: Build, ledger: HandWritten) -> None:
    ledger.add([attempt(IDS[0], 1, ended=NOW + HOUR)], written=NOW - HOUR)
    (worker,) = look_at_teacher(selected).workers
    assert (worker.state, worker.seconds_since) == ("silent", HOUR)


def test_who_writes_down_that_images_are_given_up_is_no_worker(selected: Build, ledger: HandWritten) -> None:
    ledger.add([attempt(IDS[0], 1, PairStatus.REFUSED, seconds=0)], "parent")
    teacher = look_at_teacher(selected)
    assert (teacher.given_up, teacher.workers) == (1, ())


def test_a_ledger_of_an_older_version_names_no_worker(selected: Build, ledger: HandWritten) -> None:
    part = ledger.add([attempt(IDS[0], 1)])
    part.rename(part.with_name(f"part-{'a' * 32}-000001.parquet"))
    (worker,) = look_at_teacher(selected).workers
    assert worker.worker == ""

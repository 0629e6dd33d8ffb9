"""What will be measured is known, and refused, before any engine starts."""

from __future__ import annotations

import pytest

from pipeline.generation import TeacherSetup, set_up_teachers
from pipeline.tuning import Ranges, plan_tuning
from schemas.errors import ConfigError
from schemas.loading import parse_config

SELECTED = 1000


@pytest.fixture(scope="module")
def setup() -> TeacherSetup:
    text = "source: {path: x}\nteachers: [{name: glm-4.1v-9b-thinking, engine: {kind: pixels}}]"
    return set_up_teachers(parse_config(text, "c.yaml"))[0]


def test_the_sample_is_twice_the_widest_window(setup: TeacherSetup) -> None:
    plan = plan_tuning(setup, Ranges([128, 32]), SELECTED)
    assert (plan.images, plan.concurrencies, plan.batch_limits, plan.notes) == (256, (32, 128), (None,), ())
    assert (plan.points, plan.requests) == (2, 512)


def test_the_sample_is_never_so_small_that_it_says_nothing_of_the_spread(setup: TeacherSetup) -> None:
    assert plan_tuning(setup, Ranges([2]), SELECTED).images == 64


def test_more_images_than_there_are_means_all_of_them_and_is_said(setup: TeacherSetup) -> None:
    plan = plan_tuning(setup, Ranges([4], images=500), 70)
    assert plan.images == 70
    assert plan.notes == ("the selection holds 70 images, not 500: all of them are used",)


def test_windows_that_the_sample_cannot_keep_full_are_left_out_and_named(setup: TeacherSetup) -> None:
    plan = plan_tuning(setup, Ranges([32, 64, 128], images=64), SELECTED)
    assert plan.concurrencies == (32,)
    assert plan.notes == ("concurrency 64, 128 left out: needs 2 images per place, and the sample holds 64",)


@pytest.mark.parametrize(
    ("ranges", "said"),
    [
        (Ranges([]), "--concurrency: empty"),
        (Ranges([0, 4]), "--concurrency: 0 was given"),
        (Ranges([-3]), "--concurrency: -3 was given"),
        (Ranges([4], images=0), "--images 0"),
        (Ranges([64], images=10), "--concurrency 64: 10 images cannot keep so many"),
        (Ranges([4], batch_limits=[4096]), "--max-num-batched-tokens: not a setting of engine pixels"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(setup: TeacherSetup, ranges: Ranges, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        plan_tuning(setup, ranges, SELECTED)
    assert "\n" not in str(caught.value)

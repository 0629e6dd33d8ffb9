"""Thresholds come from a pilot that does not depend on the target, and say what stratum a picture is of."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.selection.classes import PILOT
from pipeline.selection.known import Verdicts, choose_pilot
from pipeline.selection.windows import UNKNOWN, UNUSABLE
from schemas.config import ScreeningConfig
from schemas.rejection import RejectReason

DIGEST = "ab" * 32


def learn(complexities: list[float], sides: list[tuple[int, int]] | None = None) -> Verdicts:
    shape = np.array(sides or [(0, 0)] * len(complexities), np.uint32).reshape(-1, 2)
    verdicts = Verdicts(shape, ScreeningConfig())
    for position, complexity in enumerate(complexities):
        verdicts.add_usable(position, DIGEST, complexity, sharpness=complexity)
    return verdicts


@given(st.lists(st.integers(min_value=0, max_value=2**32), min_size=3, max_size=300, unique=True))
def test_thresholds_cut_the_pilot_into_thirds(values: list[int]) -> None:
    verdicts = learn([value / 100 for value in values])
    thresholds = verdicts.estimate(np.arange(len(values)))
    counts = np.bincount(verdicts.states(thresholds), minlength=3)
    assert counts.sum() == len(values)
    assert counts.max() - counts.min() <= 1


def test_one_in_a_hundred_is_below_the_threshold_of_sharpness() -> None:
    verdicts = learn([float(value) for value in range(300)])
    assert verdicts.estimate(np.arange(300)).sharpness == 3.0


def test_without_a_usable_picture_thresholds_are_zero() -> None:
    verdicts = learn([])
    thresholds = verdicts.estimate(np.arange(0))
    assert (thresholds.pilot, thresholds.complexity, thresholds.sharpness) == (0, (0.0, 0.0), 0.0)


def test_the_pilot_is_what_has_the_smallest_ranks() -> None:
    ranks = np.random.default_rng(0).permutation(3 * PILOT).astype(np.uint64)
    assert sorted(ranks[choose_pilot(ranks)].tolist()) == list(range(PILOT))
    assert choose_pilot(ranks[:10]).tolist() == list(range(10))


def test_faults_are_told_apart_and_kept_word_for_word() -> None:
    verdicts = Verdicts(np.array([(0, 0), (100, 300), (0, 0), (0, 0)], np.uint32), ScreeningConfig())
    verdicts.add_fault(0, RejectReason.DECODE_ERROR, "JPEG data: früh zu Ende")
    verdicts.add_usable(2, DIGEST, 1.5, 100.0)
    assert (verdicts.fault(0).reason, verdicts.fault(0).detail) == (
        RejectReason.DECODE_ERROR,
        "JPEG data: früh zu Ende",
    )
    assert verdicts.fault(1).reason is RejectReason.TOO_SMALL
    assert verdicts.fault(1).detail == "100 x 300 pixels; at least 224 a side"
    assert verdicts.digest(2) == bytes.fromhex(DIGEST)
    states = verdicts.states(verdicts.estimate(np.arange(4)))
    assert states.tolist() == [UNUSABLE, UNUSABLE, 2, UNKNOWN]
    assert verdicts.unseen(np.arange(4)).tolist() == [3]
    assert len(verdicts) == 2

"""Weights undo the draw: drawn images together stand for what is usable of their class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.selection.candidates import Candidates, Census, read_census
from pipeline.selection.classes import judge_class
from pipeline.selection.draw import Field, draw
from pipeline.selection.known import Verdicts, choose_pilot
from pipeline.selection.outcome import Pools, class_outcomes, count_pools, domain_of
from pipeline.selection.rounds import Drawing, Settled
from pipeline.selection.turns import Turns
from pipeline.selection.windows import STRATA, UNUSABLE
from pipeline.tables import write_rows
from pipeline.taxonomy import load_taxonomy
from schemas.config import BuildConfig
from schemas.image import IndexedImage
from schemas.loading import parse_config
from schemas.rejection import RejectReason

SIZES = {"n01440764": 900, "n02123045": 300, "n07920052": 60, "n04099429": 12, "n12102133": 2}
FAULTY = 0.2
TAXONOMY = load_taxonomy()


def configure(selection: str) -> BuildConfig:
    return parse_config(
        f"source: {{path: nowhere}}\nselection: {selection}\n"
        "teachers: [{name: glm-4.1v-9b-thinking, engine: {kind: pixels}}]",
        "c.yaml",
    )


def take_census(folder: Path, config: BuildConfig) -> Census:
    """An index of these classes, as far as the selection reads it."""
    rows = (
        IndexedImage(
            image_id=f"{wnid}_{number}",
            wnid=wnid,
            container=f"{wnid}.tar",
            offset=number * 1024,
            size=512,
            width=None,
            height=None,
            format=None,
        )
        for wnid, size in SIZES.items()
        for number in range(size)
    )
    path = folder / "index.parquet"
    write_rows(path, rows, IndexedImage)
    return read_census(path, judge_class(TAXONOMY, config.selection), 0, config.screening, config.seed)


def know_everything(candidates: Candidates) -> Verdicts:
    """Verdicts on all: a fifth is blank, the others differ in complexity."""
    verdicts = Verdicts(candidates.sides, configure("{}").screening)
    rng = np.random.default_rng(0)
    for position in range(len(candidates)):
        if rng.random() < FAULTY:
            verdicts.add_fault(position, RejectReason.BLANK, "blank")
        else:
            verdicts.add_usable(position, f"{position:064x}", round(rng.gamma(4.0, 0.3), 2), 100.0)
    return verdicts


def settle(folder: Path, selection: str) -> tuple[Census, Drawing, Settled]:
    config = configure(selection)
    census = take_census(folder, config)
    candidates = census.candidates
    drawing = Drawing(candidates, [domain_of(TAXONOMY, wnid) for wnid in candidates.wnids], config)
    verdicts = know_everything(candidates)
    thresholds = verdicts.estimate(choose_pilot(candidates.ranks))
    states = verdicts.states(thresholds)
    return census, drawing, Settled(drawing.draw(verdicts, states), states, verdicts, thresholds)


def weigh(drawing: Drawing, settled: Settled) -> tuple[Pools, np.ndarray[tuple[int], np.dtype[np.float64]], list[str]]:
    pools = count_pools(drawing, settled)
    positions = np.array(settled.draw.accepted, np.int64)
    classes = drawing.candidates.classes_at(positions)
    strata = settled.states[positions].astype(np.int64)
    weights = pools.weights(np.array(drawing.candidates.sizes()), classes, strata)
    return pools, weights, [drawing.candidates.wnids[number] for number in classes.tolist()]


@pytest.mark.parametrize("balance", ["true", "false"])
@pytest.mark.parametrize("images", [40, 150, 400])
def test_weights_add_up_to_the_usable_images_of_a_class(images: int, balance: str, tmp_path: Path) -> None:
    _, drawing, settled = settle(tmp_path, f"{{images: {images}, balance_complexity: {balance}}}")
    pools, weights, wnids = weigh(drawing, settled)
    for number, wnid in enumerate(drawing.candidates.wnids):
        total = sum(weight for weight, other in zip(weights.tolist(), wnids, strict=True) if other == wnid)
        usable, screened = int(pools.usable[number].sum()), int(pools.screened[number])
        if np.all((pools.drawn[number] > 0) | (pools.usable[number] == 0)):
            last = screened < SIZES[wnid]
            assert total == pytest.approx(SIZES[wnid] * (usable - last) / (screened - last))
        if screened > 100:
            assert total == pytest.approx(SIZES[wnid] * (1 - FAULTY), rel=0.15)


@pytest.mark.parametrize(("quota", "balanced"), [(3, True), (2, False), (6, False)])
def test_weights_are_right_on_average_though_the_draw_stops_at_a_usable_image(quota: int, balanced: bool) -> None:
    rng, size, totals = np.random.default_rng(0), 300, []
    for _ in range(2000):
        states = np.where(rng.random(size) < 0.4, UNUSABLE, rng.integers(0, STRATA, size)).astype(np.int8)
        field = Field(
            [0, size], [int(rng.integers(STRATA))] if balanced else None, states, lambda position: position.to_bytes(32)
        )
        result = draw(field, Turns([size], 0.0, ["animal"], {}), quota)
        drawn, reached = np.array(result.accepted), result.reached[0]
        strata = states[drawn].astype(np.int64)
        counts = [np.bincount(found, minlength=UNUSABLE + 1)[None, :STRATA] for found in (states[:reached], strata)]
        weights = Pools(np.array([reached]), *counts).weights(np.array([size]), np.zeros_like(strata), strata)
        if balanced:
            # a stratum that gave nothing is one for which nothing stands
            pool, given = (found[0] for found in counts)
            weights = weights * pool.sum() / pool[given > 0].sum()
        totals.append(weights.sum() / np.count_nonzero(states != UNUSABLE))
    assert np.mean(totals) == pytest.approx(1, abs=0.015)


def test_weights_bring_back_the_complexity_of_the_class(tmp_path: Path) -> None:
    _, drawing, settled = settle(tmp_path, "{images: 150, classes: [n01440764]}")
    _, weights, _ = weigh(drawing, settled)
    strata = settled.states[np.array(settled.draw.accepted, np.int64)]
    counts = np.bincount(strata, minlength=3)
    assert counts.tolist() == pytest.approx([50, 50, 50], abs=3)
    weighted = np.array([weights[strata == stratum].sum() for stratum in range(3)])
    truth = np.bincount(settled.states, minlength=5)[:3]
    assert weighted == pytest.approx(truth, rel=0.2)


def test_classes_that_have_too_few_usable_images_are_told_from_those_that_met_their_quota(tmp_path: Path) -> None:
    census, drawing, settled = settle(tmp_path, "{images: 200}")
    rows = {row.wnid: row for row in class_outcomes(census, drawing, count_pools(drawing, settled), TAXONOMY)}
    assert {wnid: row.indexed for wnid, row in rows.items()} == dict(sorted(SIZES.items()))
    assert sum(row.quota for row in rows.values()) == sum(row.drawn for row in rows.values()) == 200
    assert rows["n12102133"].quota == 2
    for row in rows.values():
        assert row.indexed >= row.screened >= row.usable >= row.drawn
        assert row.outcome == ("met" if row.drawn >= row.quota else "missed")
        if row.outcome == "missed":
            assert (row.screened, row.usable) == (row.indexed, row.drawn)


def test_images_of_a_larger_target_include_those_of_a_smaller_one(tmp_path: Path) -> None:
    drawn = []
    for images in (20, 100, 500):
        _, drawing, settled = settle(tmp_path, f"{{images: {images}}}")
        drawn.append(drawing.candidates.keys[np.array(settled.draw.accepted)].tolist())
    assert drawn[1][:20] == drawn[0]
    assert drawn[2][:100] == drawn[1]

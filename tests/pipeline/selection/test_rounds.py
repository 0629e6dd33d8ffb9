"""Rounds of drawing and screening: few, however bad a single class is."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.selection.candidates import Candidates
from pipeline.selection.known import Verdicts
from pipeline.selection.rounds import Drawing, with_reserve
from schemas.loading import parse_config
from schemas.manifest import Thresholds
from schemas.rejection import RejectReason

CLASSES, SIZE = 200, 700
THRESHOLDS = Thresholds(pilot=0, complexity=(1.0, 2.0), sharpness=0.0)
CONFIG = """
source: {{path: nowhere}}
selection: {{images: 2600, balance_complexity: {balance}}}
teachers: [{{name: glm-4.1v-9b-thinking, engine: {{kind: pixels}}}}]
"""


@pytest.mark.parametrize("balance", ["true", "false"])
@pytest.mark.parametrize("kind", ["faults", "copies of one placeholder"])
def test_one_bad_class_does_not_ask_again_and_again(kind: str, balance: str) -> None:
    config = parse_config(CONFIG.format(balance=balance), "c.yaml")
    numbers = np.arange(CLASSES * SIZE)
    drawing = Drawing(
        Candidates(
            keys=numbers.astype(np.uint64),
            ranks=numbers.astype(np.uint64),
            rows=numbers.astype(np.uint32),
            sides=np.zeros((len(numbers), 2), np.int32),
            wnids=[f"n{number:08d}" for number in range(CLASSES)],
            starts=list(range(0, len(numbers) + 1, SIZE)),
        ),
        ["animal"] * CLASSES,
        config,
    )
    verdicts = Verdicts(drawing.candidates.sides, config.screening)
    faulty = np.random.default_rng(0).random(len(numbers)) < 0.1
    faulty[:SIZE] = kind == "faults"
    rounds = 1
    while (drawn := drawing.draw(verdicts, verdicts.states(THRESHOLDS))).unknown:
        for position in with_reserve(drawing.candidates, drawn, verdicts, rounds).tolist():
            if faulty[position]:
                verdicts.add_fault(position, RejectReason.BLANK, "blank")
            else:
                content = 0 if position < SIZE else position
                verdicts.add_usable(position, f"{content:064x}", float(position % 3), 100.0)
        rounds += 1
    assert drawn.reached[0] == SIZE
    assert rounds <= 12
    # and the reserve is not what most of the work goes to
    needed = sum(reached - start for reached, start in zip(drawn.reached, drawing.candidates.starts, strict=False))
    assert len(verdicts) < 1.1 * needed

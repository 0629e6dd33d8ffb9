"""From a file of predictions to scores: per item, over all items, as tables and as a page."""

from __future__ import annotations

from eval.scoring.families import AUTO, FAMILIES, choose_family, parse_raw
from eval.scoring.items import score_item
from eval.scoring.predictions import Prediction, read_prediction
from eval.scoring.score import ScoreOptions, score
from eval.scoring.suite import Suite, open_suite

__all__ = [
    "AUTO",
    "FAMILIES",
    "Prediction",
    "ScoreOptions",
    "Suite",
    "choose_family",
    "open_suite",
    "parse_raw",
    "read_prediction",
    "score",
    "score_item",
]

"""Records for people to look at: one, found by its key, or some from everywhere; described once for screen and page."""

from __future__ import annotations

from pipeline.showing.describe import Fold, agree, describe_image, describe_pair, fold, harmless
from pipeline.showing.find import find_row
from pipeline.showing.page import render_page
from pipeline.showing.sample import sample

__all__ = [
    "Fold",
    "agree",
    "describe_image",
    "describe_pair",
    "find_row",
    "fold",
    "harmless",
    "render_page",
    "sample",
]

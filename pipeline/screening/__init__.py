"""Is this file a usable photograph, what is measured on it, and how it reaches teachers and shards."""

from __future__ import annotations

from pipeline.screening.checks import SCREENING_VERSION, judge_size, screen
from pipeline.screening.decode import library_versions
from pipeline.screening.normalise import NORMALISATION_VERSION
from pipeline.screening.parallel import screen_all
from pipeline.screening.picture import Picture, as_jpeg, as_upright_jpeg, open_picture
from pipeline.screening.verdict import Unusable, UnusableImageError

__all__ = [
    "NORMALISATION_VERSION",
    "SCREENING_VERSION",
    "Picture",
    "Unusable",
    "UnusableImageError",
    "as_jpeg",
    "as_upright_jpeg",
    "judge_size",
    "library_versions",
    "open_picture",
    "screen",
    "screen_all",
]

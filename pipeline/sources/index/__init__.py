"""The index: where every image of a source lies, and why every other entry is none.

``scan`` turns containers into ``parts``, ``merge`` parts into one index, ``build`` decides what is missing, and
``summary`` names the files of a finished one.
"""

from __future__ import annotations

from pipeline.sources.index.build import IndexOptions, build_index
from pipeline.sources.index.summary import (
    IMAGES,
    PARTS,
    REJECTIONS,
    SUMMARY,
    IndexSummary,
    load_summary,
    read_index,
)

__all__ = [
    "IMAGES",
    "PARTS",
    "REJECTIONS",
    "SUMMARY",
    "IndexOptions",
    "IndexSummary",
    "build_index",
    "load_summary",
    "read_index",
]

"""The forms in which people hold ImageNet-21k, behind one seam: which images there are, and their bytes."""

from __future__ import annotations

from pipeline.sources.base import Pictures, Source
from pipeline.sources.checked import read_checked
from pipeline.sources.detect import open_source
from pipeline.sources.index import IndexOptions, IndexSummary, build_index, load_summary, read_index

__all__ = [
    "IndexOptions",
    "IndexSummary",
    "Pictures",
    "Source",
    "build_index",
    "load_summary",
    "open_source",
    "read_checked",
    "read_index",
]

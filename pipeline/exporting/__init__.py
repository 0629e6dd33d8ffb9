"""The way to trainers: a packed dataset's rows as TRL, LLaVA, LLaMA-Factory, ms-swift and verl read them."""

from __future__ import annotations

from pipeline.exporting.export import export, read_report
from pipeline.exporting.formats import FORMATS
from pipeline.exporting.options import CHOICES, ExportOptions, find_split
from pipeline.exporting.receipts import ExportReport
from pipeline.exporting.scores import SCORES
from pipeline.exporting.thinking import THINKING

__all__ = [
    "CHOICES",
    "FORMATS",
    "SCORES",
    "THINKING",
    "ExportOptions",
    "ExportReport",
    "export",
    "find_split",
    "read_report",
]

"""What a selection came to: counted from its files, as a table and as a page for the browser."""

from __future__ import annotations

from pipeline.reporting.describe import describe_selection, summarise_classes
from pipeline.reporting.keep import PAGE_FILE, REPORT_FILE, has_report, keep_report, write_page
from pipeline.reporting.page import render_page
from pipeline.reporting.tidy import to_rows

__all__ = [
    "PAGE_FILE",
    "REPORT_FILE",
    "describe_selection",
    "has_report",
    "keep_report",
    "render_page",
    "summarise_classes",
    "to_rows",
    "write_page",
]

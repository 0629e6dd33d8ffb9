"""The report's files beside the selection."""

from __future__ import annotations

from pathlib import Path

from pipeline.files import write_atomic
from pipeline.reporting.describe import describe_selection
from pipeline.reporting.page import render_page
from pipeline.reporting.tidy import to_rows
from pipeline.rundir import RunDirectory
from pipeline.tables import read_rows, write_rows
from pipeline.taxonomy import Taxonomy
from schemas.errors import RunDirectoryError
from schemas.manifest import SelectionManifest
from schemas.selection_report import ReportRow, SelectionReport

REPORT_FILE = "report.parquet"
PAGE_FILE = "report.html"


def keep_report(run: RunDirectory, taxonomy: Taxonomy) -> SelectionReport:
    """Describe a finished selection and write the table and the page beside it; the same selection, the same bytes.

    Raises:
        RunDirectoryError: no images were selected yet, or a file of the selection is damaged.
        ConservationError: the selection's files do not belong together.
    """
    report = describe_selection(run, taxonomy)
    write_page(run.selection / PAGE_FILE, report)
    # last: it says for which selection both were written
    write_rows(run.selection / REPORT_FILE, to_rows(report), ReportRow)
    return report


def has_report(run: RunDirectory, selection: SelectionManifest) -> bool:
    """Whether the report's files stand beside the selection, and are this selection's."""
    table = run.selection / REPORT_FILE
    if not table.exists() or not (run.selection / PAGE_FILE).exists():
        return False
    try:
        return any(row.text == selection.sha256 for row in read_rows(table, ReportRow) if row.measure == "selection")
    except RunDirectoryError:
        return False


def write_page(path: Path, report: SelectionReport) -> None:
    """Write the page alone, wherever it is wanted."""
    write_atomic(path, render_page(report))

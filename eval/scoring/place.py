"""Whose a folder of scores is: nothing in it but what scoring writes, one process at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from pipeline.files import TEMPORARY_SUFFIX, sync_directory
from pipeline.lines import printable
from pipeline.outputs import occupied
from schemas.errors import ConfigError

ITEMS_FILE, SUMMARY_FILE = "items.parquet", "summary.json"
MARKDOWN_FILE, PAGE_FILE = "report.md", "report.html"

_MARK = ".scoring"
"""Held by the process that writes here, and gone when all is written."""

_OURS = (SUMMARY_FILE, ITEMS_FILE, MARKDOWN_FILE, PAGE_FILE)


def check_place(out: Path, predictions: Path) -> None:
    """See that scores can be written to a folder, without touching it; the predictions may lie in it.

    Raises:
        ConfigError: it is no folder, or holds something else.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise ConfigError(f"{out}: is no folder", "name another folder as --out")
    for path in sorted(out.iterdir()):
        ours = path.name in (*_OURS, _MARK) or (path.name.startswith(".") and path.name.endswith(TEMPORARY_SUFFIX))
        if not ours and path.resolve() != predictions.resolve():
            raise ConfigError(f"{out}: holds something else, {printable(path.name)}", "name another folder as --out")


@contextlib.contextmanager
def cleared(out: Path) -> Iterator[None]:
    """Hold a checked folder for this process, cleared of earlier scores, while the block writes new ones.

    Raises:
        ConfigError: another process is at work in it, or it cannot be made.
    """
    with occupied(out, _MARK):
        (out / SUMMARY_FILE).unlink(missing_ok=True)  # it says that the others are whole
        sync_directory(out)
        for path in (*(out / name for name in _OURS), *out.glob(f".*{TEMPORARY_SUFFIX}")):
            path.unlink(missing_ok=True)
        yield
        (out / _MARK).unlink()

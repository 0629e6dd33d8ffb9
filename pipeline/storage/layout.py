"""What of a run directory goes to a store, and in which order: what says that a folder is complete comes last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from pipeline.files import TEMPORARY_SUFFIX
from pipeline.generation.ledger import is_part
from pipeline.packing.sidecars import CARD_FILE, MANIFEST_FILE, SUMS_FILE
from pipeline.reporting import REPORT_FILE
from pipeline.rundir import CANDIDATES_FOLDER, INDEX_FOLDER
from pipeline.selection.select import MANIFEST_FILE as SELECTION_MANIFEST
from pipeline.sources.index import SUMMARY


@dataclass(frozen=True, slots=True)
class Folder:
    """How one folder of a run directory travels.

    Args:
        last: its marks of being complete, in the order in which they are written; taken away in the reverse order
            before anything else in the folder changes.
        is_shared: whether several processes write to it, each its own files: what one copy lacks is then not gone.
    """

    last: Sequence[str] = ()
    is_shared: bool = False


FOLDERS = {
    INDEX_FOLDER: Folder(last=(SUMMARY,)),
    CANDIDATES_FOLDER: Folder(),
    "selection": Folder(last=(SELECTION_MANIFEST, REPORT_FILE)),
    "ledger": Folder(is_shared=True),
    "chunks": Folder(is_shared=True),
    "dataset": Folder(last=(CARD_FILE, SUMS_FILE, MANIFEST_FILE)),
    "reports": Folder(is_shared=True),
}
"""By name. What else lies in a run directory has no marks, and is shared."""

_OTHER = Folder(is_shared=True)

_HERE_ALONE = frozenset({"verified"})
"""It speaks of these very files, by their times; a dataset that was fetched is verified again."""


def top_of(place: str) -> str:
    """The run directory's own entry that a place belongs to."""
    return place.partition("/")[0]


def folder_of(place: str) -> Folder:
    """How the folder of a place travels."""
    return FOLDERS.get(top_of(place), _OTHER)


def marks_of(top: str) -> list[str]:
    """Places of a folder's marks, in the order in which they are written."""
    return [f"{top}/{name}" for name in FOLDERS.get(top, _OTHER).last]


def is_mark(place: str) -> bool:
    """Whether a file says that its folder is complete."""
    return place in marks_of(top_of(place))


def is_immutable(place: str) -> bool:
    """Whether a file never changes once it has its name: parts of ledgers, and chunks."""
    top, name = top_of(place), PurePosixPath(place).name
    return top == "chunks" or (top == "ledger" and is_part(name))


def travels(place: str) -> bool:
    """Whether a file goes to a store at all: no locks, nothing half written, nothing hidden."""
    return (
        top_of(place) not in _HERE_ALONE
        and not place.endswith(TEMPORARY_SUFFIX)
        and not any(segment.startswith(".") for segment in place.split("/"))
    )

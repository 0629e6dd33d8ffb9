"""What a repository holds while a release takes more than one commit: a file that says that it is not whole."""

from __future__ import annotations

from pipeline.packing.sidecars import CARD_FILE, MANIFEST_FILE, SUMS_FILE
from pipeline.publishing.publish.contents import SEALS, Plan
from schemas.base import Contract, canonical_json

UNFINISHED_FILE = "UNFINISHED.json"

OPERATIONS = 500
"""Changes in one commit; the hub's own client commits between 20 and 1,000 files at a time
(``huggingface_hub``, ``upload_folder``)."""


class Unfinished(Contract):
    """The file's content."""

    note: str = "This repository is being updated, and is not whole until this file is gone."
    before: str | None
    """The commit at which the last whole release is; null where there was none."""
    files: tuple[str, ...]
    """All that an update may have put here, and so may take away."""

    def render(self) -> bytes:
        """The file's bytes."""
        return canonical_json(self.model_dump()) + b"\n"


def fits_one_commit(plan: Plan) -> bool:
    """Whether a plan can be carried out at once, so that nobody ever sees half of it."""
    return len(plan.uploads) + len(plan.deletions) <= OPERATIONS


def first_part(plan: Plan, there: set[str]) -> Plan:
    """As much of a large plan as fits one commit beside the file that says so.

    What says that a release is whole is taken away first, and not put there.

    Args:
        plan: what is left to do.
        there: names of the repository's files.
    """
    seals = [name for name in (CARD_FILE, SUMS_FILE, MANIFEST_FILE) if name in there]
    uploads = [file for file in plan.uploads if file.name not in SEALS]
    gone = [name for name in plan.deletions if name not in (*SEALS, UNFINISHED_FILE)]
    room = OPERATIONS - len(seals) - 1
    return Plan(
        uploads=tuple(uploads[:room]),
        kept=(),
        deletions=(*seals, *gone[: max(0, room - len(uploads))]),
    )

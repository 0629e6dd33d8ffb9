"""What a copy remembers of files that may change: how each stood, here and there, when it last travelled."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pipeline.files import write_atomic
from schemas.base import canonical_json


class Note(NamedTuple):
    """One file at its last transfer.

    Args:
        size: bytes.
        here: the copy's time of change, nanoseconds.
        there: the store's time of change, seconds.
    """

    size: int
    here: int
    there: int


@dataclass(frozen=True, slots=True)
class Notes:
    """The notes of one copy, which several processes may share.

    They only save transfers: a file without a note travels again.

    Args:
        path: their file.
    """

    path: Path

    def read(self) -> dict[str, Note]:
        """All notes, by place."""
        try:
            stored = json.loads(self.path.read_bytes())
            return {place: Note(*numbers) for place, numbers in stored.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, AttributeError):
            return {}  # damaged: as good as none

    def update(self, changes: Mapping[str, Note | None]) -> None:
        """Add notes, and strike those that are ``None``."""
        if not changes:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            notes = {place: note for place, note in {**self.read(), **changes}.items() if note is not None}
            write_atomic(self.path, canonical_json(notes))
        finally:
            os.close(descriptor)

"""Whose a folder is: one export's for good, and one process's at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from pipeline.exporting.receipts import Identity
from pipeline.files import write_atomic
from pipeline.outputs import occupied
from schemas.errors import ConfigError

WORK_DIRECTORY = ".export"
"""Inside an export: what it is an export of, and the receipts of finished parts."""


@contextlib.contextmanager
def claimed(out: Path, identity: Identity) -> Iterator[None]:
    """Make a folder this export's, and hold it for this process.

    Raises:
        ConfigError: it is another export's, or none, or another process is at work in it.
    """
    work = out / WORK_DIRECTORY
    if out.exists() and not work.is_dir() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out}: is there already and is no export", "name a new folder as --out")
    with occupied(out, f"{WORK_DIRECTORY}/lock"):
        _check_identity(out, work / "identity.json", identity)
        yield


def _check_identity(out: Path, mark: Path, identity: Identity) -> None:
    data = identity.model_dump_json(indent=2).encode() + b"\n"
    if not mark.is_file():
        write_atomic(mark, data)
    elif mark.read_bytes() != data:
        raise ConfigError(
            f"{out}: holds another export ({_difference(mark.read_bytes(), identity)})",
            "name another --out, or remove that one",
        )


def _difference(data: bytes, identity: Identity) -> str:
    try:
        other = Identity.model_validate_json(data)
    except ValidationError:
        return "of another version"
    if other.dataset_sha256 != identity.dataset_sha256:
        return "of another dataset"
    was, is_now = other.options.model_dump(), identity.options.model_dump()
    changed = [f"{name} was {was[name]} and is {is_now[name]}" for name in was if was[name] != is_now[name]]
    return ", ".join(changed) or "of another version"

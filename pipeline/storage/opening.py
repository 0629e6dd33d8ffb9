"""Opening the local copy of a run directory that lies on an object store."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from pipeline.files import write_atomic
from pipeline.progress import Progress, Silent
from pipeline.rundir import MIRROR_FOLDER
from pipeline.storage.address import parse_address
from pipeline.storage.faults import FEW_PAUSES
from pipeline.storage.mirror import Mirror
from pipeline.storage.objects import ObjectStore, find_endpoint
from schemas.base import Contract, canonical_json
from schemas.errors import RunDirectoryError

SCRATCH_VARIABLE = "IMAGENET_THINK_SCRATCH"
"""Environment variable that names the folder of local copies: a fast disk with room for the dataset."""

_SCRATCH = Path("~/.cache/imagenet-think/runs")
_ORIGIN = "origin.json"


class Origin(Contract):
    """Where a copy comes from."""

    url: str


def open_mirror(place: str, scratch: Path | None = None, progress: Progress | None = None) -> Mirror:
    """Open the copy of a run directory, or make an empty one, once the store was found to take files.

    Args:
        place: the run directory's address.
        scratch: folder of local copies; ``IMAGENET_THINK_SCRATCH`` or a cache in the home directory when left out.
        progress: where to tell how transfers go.

    Raises:
        ConfigError: the address is none of a folder on an S3 store, or carries credentials.
        StorageError: no such bucket, no access, or nobody answers.
        RunDirectoryError: the copy cannot be made.
    """
    address = parse_address(place)
    ObjectStore(address, FEW_PAUSES).check()
    scratch = scratch or Path(os.environ.get(SCRATCH_VARIABLE) or _SCRATCH.expanduser())
    copy = scratch.absolute() / address.copy_name(find_endpoint())
    try:
        write_atomic(copy / MIRROR_FOLDER / _ORIGIN, canonical_json(Origin(url=str(address)).model_dump()))
    except OSError as error:
        raise RunDirectoryError(
            f"{copy}: cannot be made ({error.strerror})", f"set {SCRATCH_VARIABLE} to another folder"
        ) from error
    return Mirror(copy, ObjectStore(address), progress or Silent())


def find_mirror(copy: Path, progress: Progress | None = None) -> Mirror | None:
    """The mirror that a run directory is the copy of; ``None`` where it is no copy.

    Raises:
        RunDirectoryError: what says so is damaged.
    """
    path = copy / MIRROR_FOLDER / _ORIGIN
    try:
        origin = Origin.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValidationError as error:
        raise RunDirectoryError(f"{path}: damaged", "remove it and open the run directory by its address") from error
    return Mirror(copy, ObjectStore(parse_address(origin.url)), progress or Silent())

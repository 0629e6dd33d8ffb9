"""Reading again what was screened before, and noticing when it is not the same."""

from __future__ import annotations

import hashlib

from pipeline.sources.base import Source
from schemas.errors import SourceError
from schemas.image import SelectedImage


def read_checked(source: Source, selected: SelectedImage) -> bytes:
    """Read an image's bytes and hold them against what screening saw.

    Raises:
        SourceError: the file is gone, or its bytes are others.
    """
    data = source.read(selected.ref)
    if hashlib.sha256(data).hexdigest() != selected.facts.sha256:
        raise SourceError(
            f"{selected.ref.image_id}: the bytes at {selected.ref.container} changed since they were screened",
            "restore the source, or start a new run directory",
        )
    return data

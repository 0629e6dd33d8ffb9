"""Reading again what was screened before, and noticing when it is not the same."""

from __future__ import annotations

import hashlib

from pipeline.sources.base import Pictures
from schemas.errors import SourceError
from schemas.image import ImageRef


def read_checked(source: Pictures, ref: ImageRef, sha256: str) -> bytes:
    """Read an image's bytes and hold them against what was seen of them before.

    Args:
        source: where they are read.
        ref: where they lie there.
        sha256: what they were, in hexadecimal.

    Raises:
        SourceError: the file is gone, or its bytes are others.
    """
    data = source.read(ref)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise SourceError(
            f"{ref.image_id}: the bytes at {ref.container} changed since they were screened",
            "restore the source, or start a new run directory",
        )
    return data

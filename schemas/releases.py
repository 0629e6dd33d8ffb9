"""The published versions of a dataset: what changed from one to the next, row by row, in numbers."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from schemas.base import Contract, Count, Sha256
from schemas.manifest import Edition

RELEASE_ID_DIGITS = 12

ReleaseId = Annotated[str, StringConstraints(pattern=rf"^[0-9a-f]{{{RELEASE_ID_DIGITS}}}$")]
"""The first digits of the manifest's digest: the same content has the same id wherever it is published."""


class Release(Contract):
    """One published version. A row is changed when its id stays and its record or its picture is another."""

    id: ReleaseId
    manifest_sha256: Sha256
    edition: Edition
    images: int = Field(gt=0)
    added: Count
    removed: Count
    changed: Count


class Releases(Contract):
    """All releases of a repository: the content of ``releases.json``."""

    releases: tuple[Release, ...] = Field(min_length=1)
    """The newest first."""

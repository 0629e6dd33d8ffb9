"""What a release consists of, and how that differs from what a repository holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.files import sha256_of
from pipeline.hub import HubFile
from pipeline.packed import PackedDataset
from pipeline.packing.sidecars import CARD_FILE, MANIFEST_FILE, RELEASES_FILE, SUMS_FILE, list_files
from schemas.manifest import DatasetManifest

SEALS = (RELEASES_FILE, CARD_FILE, SUMS_FILE, MANIFEST_FILE)
"""Files that a manifest does not list; they say that the others are whole."""

GIT_FILES = frozenset({".gitattributes"})
"""What the hub puts into every repository."""

_SHA256_DIGITS = 64


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of a release."""

    name: str
    """In the release."""
    path: Path
    size: int
    sha256: str

    def is_same(self, there: HubFile | None) -> bool:
        """Whether a repository's file holds the same bytes.

        Raises:
            OSError: this file cannot be read.
        """
        if there is None or there.size != self.size:
            return False
        if len(there.digest) == _SHA256_DIGITS:
            return there.digest == self.sha256
        data = self.path.read_bytes()  # git's own object id, of SHA-1: only small files have it
        return there.digest == hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Plan:
    """How a repository becomes a release."""

    uploads: tuple[LocalFile, ...]
    kept: tuple[LocalFile, ...]
    deletions: tuple[str, ...]

    @property
    def is_done(self) -> bool:
        """Whether the repository is the release already."""
        return not self.uploads and not self.deletions

    @property
    def bytes(self) -> int:
        """Of what goes up."""
        return sum(file.size for file in self.uploads)


def list_release(staged: PackedDataset) -> list[LocalFile]:
    """All files of a staged release: data first, what says that they are whole last.

    Raises:
        OSError: one is missing or cannot be read.
    """
    root = staged.root
    digests = list_files(staged.manifest)
    seals = {name: sha256_of(root / name) for name in SEALS if (root / name).is_file()}
    return [
        LocalFile(name, root / name, (root / name).stat().st_size, digest) for name, digest in (digests | seals).items()
    ]


def make_plan(release: Iterable[LocalFile], there: Mapping[str, HubFile]) -> Plan:
    """Hold a release against a repository's files. What is neither the release's nor the hub's own goes away.

    Raises:
        OSError: a file of the release cannot be read.
    """
    files = list(release)
    names = {file.name for file in files} | GIT_FILES
    same = {file.name for file in files if file.is_same(there.get(file.name))}
    return Plan(
        uploads=tuple(file for file in files if file.name not in same),
        kept=tuple(file for file in files if file.name in same),
        deletions=tuple(sorted(there.keys() - names)),
    )


def find_foreign(there: Iterable[str], manifest: DatasetManifest | None, listed: Iterable[str]) -> list[str]:
    """Files of a repository that no publication of ours put there.

    Args:
        there: the repository's files.
        manifest: the one among them, if it can be read.
        listed: what an unfinished publication wrote down.
    """
    ours = {*listed, *GIT_FILES}
    if manifest is not None:
        ours |= {*list_files(manifest), *SEALS}
    return sorted(set(there) - ours)

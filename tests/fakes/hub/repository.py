"""A dataset's repository: folders by commit. A commit, once made, never changes."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

COMMIT = "0123456789abcdef0123456789abcdef01234567"

LARGE = 4096
"""Bytes from which on a file is stored elsewhere, unless it is text."""

_TEXT = (".md", ".json", ".txt", "SHA256SUMS")


@dataclass(frozen=True)
class Account:
    """Whom a token belongs to."""

    name: str
    role: Literal["read", "write", "fineGrained"] = "write"
    writes: bool = True
    """Whether a token of the last role may write to its owner's repositories."""

    def may_write(self, owner: str) -> bool:
        """Whether it may write to somebody's repositories."""
        return self.name == owner and self.role != "read" and self.writes


@dataclass
class Dataset:
    """A dataset repository: folders by commit, commits by branch."""

    history: dict[str, Path]
    branches: dict[str, str]
    token: str | None = None
    """Who does not send it is told that there is no such dataset."""
    tags: dict[str, str] = field(default_factory=dict)
    gated: str | bool = False

    @classmethod
    def of(cls, folder: Path, commit: str = COMMIT, token: str | None = None) -> Dataset:
        """One commit, on ``main``."""
        return cls({commit: folder}, {"main": commit}, token)

    @classmethod
    def empty(cls, folder: Path, token: str | None = None) -> Dataset:
        """What a new repository holds."""
        folder.mkdir(parents=True)
        (folder / ".gitattributes").write_text("*.tar filter=lfs diff=lfs merge=lfs -text\n")
        return cls.of(folder, token=token)

    def resolve(self, revision: str) -> str | None:
        """The commit that a branch, a tag or a commit's name stands for."""
        commit = self.branches.get(revision) or self.tags.get(revision, revision)
        return commit if commit in self.history else None

    def folder(self, revision: str = "main") -> Path:
        """What lies there."""
        return self.history[self.resolve(revision) or revision]

    def commit(self, branch: str, changes: Mapping[str, bytes | Path | None], scratch: Path) -> str:
        """Make a commit.

        Args:
            branch: where.
            changes: new contents by path, as bytes or as a file; ``None`` deletes.
            scratch: where folders of commits go.
        """
        parent = self.branches[branch]
        (scratch / "commits").mkdir(exist_ok=True)
        name = hashlib.sha1(f"{parent} {len(list((scratch / 'commits').iterdir()))}".encode()).hexdigest()
        folder = scratch / "commits" / name
        shutil.copytree(self.history[parent], folder, copy_function=os.link)
        for path, content in changes.items():
            file = folder / path
            file.unlink(missing_ok=True)
            file.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                file.write_bytes(content)
            elif content is not None:
                os.link(content, file)
        for empty in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
            if not any(empty.iterdir()):
                empty.rmdir()
        self.history[name] = folder
        self.branches[branch] = name
        return name


def is_large(name: str, size: int) -> bool:
    """Whether a file is stored elsewhere."""
    return name.endswith((".tar", ".parquet")) or (size >= LARGE and not name.endswith(_TEXT))


def object_id(name: str, data: bytes) -> str:
    """What the hub calls a file's content."""
    return hashlib.sha256(data).hexdigest() if is_large(name, len(data)) else blob_id(data)


def blob_id(data: bytes) -> str:
    """What git calls it."""
    return hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()


def list_folder(root: Path, folder: str, *, recursive: bool) -> list[dict[str, object]] | None:
    """A folder's entries as the hub lists them; ``None`` where there is none."""
    if not (root / folder).is_dir():
        return None
    paths = (root / folder).rglob("*") if recursive else (root / folder).iterdir()
    return [describe(root, path) for path in sorted(paths)]


def describe(root: Path, path: Path) -> dict[str, object]:
    """One entry as the hub lists it."""
    name = path.relative_to(root).as_posix()
    if path.is_dir():
        return {"type": "directory", "oid": hashlib.sha1(name.encode()).hexdigest(), "size": 0, "path": name}
    data = path.read_bytes()
    entry: dict[str, object] = {"type": "file", "oid": blob_id(data), "size": len(data), "path": name}
    if is_large(name, len(data)):
        entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
    return entry

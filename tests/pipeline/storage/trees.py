"""Files of run directories, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def write_tree(root: Path, files: Mapping[str, bytes]) -> None:
    for place, data in files.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_bytes(data)


def read_tree(root: Path) -> dict[str, bytes]:
    """What lies in a run directory, without what is hidden."""
    files = [path for path in root.rglob("*") if path.is_file()]
    places = {path.relative_to(root).as_posix(): path for path in files}
    return {place: path.read_bytes() for place, path in places.items() if not place.startswith(".")}


def dataset(version: int) -> dict[str, bytes]:
    """A packed dataset; each version has another shard, and one shard less than the one before."""
    data = str(version).encode() * (3 + version)
    shards = {f"dataset/data/train-{number:05}-of-00004.tar": data for number in range(4 - version)}
    marks = {f"dataset/{name}": data for name in ("README.md", "SHA256SUMS", "manifest.json")}
    return {**shards, **marks}

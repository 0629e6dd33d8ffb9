"""Is there room for a run, and can the file system do what a run needs?"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.doctor.finding import Finding, fault, gib, ok, refusal, warning
from pipeline.files import sync_directory
from pipeline.rundir import RunDirectory, check_run
from pipeline.selection import load_selection
from pipeline.sources import load_summary
from schemas.config import BuildConfig
from schemas.errors import RunDirectoryError

PICTURE_BYTES = 92_300
"""Mean of ImageNet's fall 2011 release: 1.31 TB over 14,197,122 pictures. Used until a run's own index knows better."""

TEXT_BYTES = 6_000
"""A raw text: some 1,300 tokens of 4.6 bytes. Twice the teachers' usual descriptions."""

COPIES_OF_TEXT = 4
"""The ledger's (counted as if it did not compress) and the spool's while packing; raw and parsed in the dataset."""

IMAGE_OVERHEAD = 5_000
"""Tar headers and padding, a record's other fields, and rows of index, selection and verdicts."""

SPARE_BYTES = 2 * 2**30
"""The index of all of ImageNet-21k, the orchestrator's database, and reports."""

_IN_MEMORY = {"tmpfs", "ramfs"}


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a finished run takes on disk."""

    images: int
    picture: int
    """Mean size of a picture, in bytes."""
    is_measured: bool
    """The size is that of this source's pictures."""
    teachers: int

    @property
    def bytes(self) -> int:
        """All together."""
        text = COPIES_OF_TEXT * TEXT_BYTES
        return self.images * (self.picture + IMAGE_OVERHEAD + self.teachers * text) + SPARE_BYTES

    def __str__(self) -> str:
        origin = "as indexed" if self.is_measured else "ImageNet's mean"
        return (
            f"about {gib(self.bytes)}: {self.images:,} pictures of {self.picture / 1000:.0f} kB ({origin}), each with "
            f"{self.teachers} text(s) of {TEXT_BYTES / 1000:.0f} kB in {COPIES_OF_TEXT} copies"
        )


def examine_run_directory(config: BuildConfig | None, path: Path | None, weights: int = 0) -> Iterator[Finding]:
    """Look at where a run is to lie, and compare it with what the build needs.

    Args:
        config: the build.
        path: its run directory.
        weights: bytes that are still to be downloaded onto the same disk.
    """
    if path is None:
        if config is not None:
            yield ok("run directory", f"needs {_estimate(config, None)}; --run-dir says whether it is there")
        return
    if (obstacle := _obstacle(path)) is not None:
        yield fault("run directory", f"{obstacle}: is no folder", "choose another --run-dir")
        return
    run: RunDirectory | None = None
    if config is not None:
        try:
            run = check_run(path, config)
        except RunDirectoryError as error:
            yield refusal("run directory", error)
    folder = nearest_folder(path)
    yield _judge_file_system(folder)
    try:
        yield _judge_room(path, folder, _estimate(config, run) if config else None, weights)
    except RunDirectoryError as error:
        yield refusal("run directory", error)


def nearest_folder(path: Path) -> Path:
    """The path itself, or the closest of its parents that is there."""
    path = path.absolute()
    return next(folder for folder in (path, *path.parents) if _is_folder(folder))


def free_bytes(path: Path) -> int:
    """What an ordinary user may still write on the file system that holds, or will hold, a path."""
    state = os.statvfs(nearest_folder(path))
    return state.f_bavail * state.f_frsize


def is_writable(path: Path) -> bool:
    """Whether files can be made in a folder, or the folder itself where it is not there yet."""
    return os.access(nearest_folder(path), os.W_OK | os.X_OK)


def _obstacle(path: Path) -> Path | None:
    """What lies where a folder would have to be made: a file, or a link that leads nowhere."""
    return next((place for place in (path, *path.parents) if os.path.lexists(place) and not _is_folder(place)), None)


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises where a folder above must not be looked into


def _estimate(config: BuildConfig, run: RunDirectory | None) -> Estimate:
    index = load_summary(run.index) if run else None
    selection = load_selection(run.selection) if run else None
    return Estimate(
        images=selection.drawn if selection else min(config.selection.images, index.images if index else 2**63),
        picture=index.bytes // index.images if index else PICTURE_BYTES,
        is_measured=index is not None,
        teachers=len(config.teachers),
    )


def _judge_file_system(folder: Path) -> Finding:
    kind = _file_system(folder)
    problem = _try(folder)
    if problem:
        return fault("file system", f"{folder} ({kind}): {problem}", "choose another --run-dir")
    if kind in _IN_MEMORY:
        return warning(
            "file system", f"{folder} is {kind}: gone when the machine restarts", "choose a --run-dir on disk"
        )
    return ok("file system", f"{folder}: {kind}, with locks, renames and syncs")


def _judge_room(path: Path, folder: Path, estimate: Estimate | None, weights: int) -> Finding:
    free = free_bytes(folder)
    if estimate is None:
        return ok("run directory", f"{gib(free)} free")
    done = _written(path)
    detail = f"{gib(free)} free" + (f", {gib(done)} written" if done else "") + f"; needs {estimate}"
    if weights:
        detail += f"; and {gib(weights)} of weights are to be downloaded onto the same disk"
    if free + done < estimate.bytes + weights:
        return fault("run directory", detail, "make room, choose another --run-dir, or lower selection.images")
    return ok("run directory", detail)


def _written(path: Path) -> int:
    """Bytes of a run that may be at work: files come and go meanwhile."""
    size = 0
    for folder, _, files in os.walk(path):
        for name in files:
            with contextlib.suppress(FileNotFoundError):
                size += Path(folder, name).lstat().st_size
    return size


def _try(folder: Path) -> str:
    """What fails of all that a run does to files; empty when nothing does. Leaves nothing behind."""
    step = "cannot be written"
    try:
        with tempfile.TemporaryDirectory(prefix=".doctor-", dir=folder) as place:
            with (Path(place) / "file").open("wb") as file:
                step = "has no locks"
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                step = "does not sync"
                file.write(b"\n")
                file.flush()
                os.fsync(file.fileno())
            step = "does not rename"
            (Path(place) / "file").replace(Path(place) / "renamed")
            step = "does not sync folders"
            sync_directory(Path(place))
    except OSError as error:
        return f"{step} ({error.strerror})"
    return ""


def _file_system(folder: Path) -> str:
    """Type of the file system that holds a folder, as the kernel names it."""
    kind, longest = "unknown", -1
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return kind
    for line in mounts:
        _, point, name, *_ = line.split(" ")
        # the kernel writes blanks and the like as octal escapes
        point = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), point)
        if folder.resolve().is_relative_to(point) and len(point) >= longest:
            kind, longest = name, len(point)
    return kind

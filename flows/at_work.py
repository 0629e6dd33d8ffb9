"""A run directory while flows work in it: found, opened, and held against other processes, however many flows nest.

One that lies on an object store is worked on in a local copy: what a flow needs is fetched before it, and what it made
is sent after it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.generation.ledger import leave_it_there
from pipeline.progress import Progress
from pipeline.rundir import CONFIG_FILE, MIRROR_FOLDER, RUN_FILE, RunDirectory, exclusive
from pipeline.stages import Build, open_build
from schemas.config import BuildConfig
from schemas.errors import RunDirectoryError
from schemas.loading import load_config

if TYPE_CHECKING:
    from pipeline.storage import Mirror

_HELD: set[Path] = set()
"""Run directories that this process holds already."""

_ALWAYS = (RUN_FILE, CONFIG_FILE)
"""What everybody needs to know of a run directory, whose it is and what it was last used for."""


@contextlib.contextmanager
def holding(run: RunDirectory, config: BuildConfig) -> Iterator[None]:
    """Hold a run directory for this process, unless a flow around this one does.

    Raises:
        RunDirectoryError: another process is at work in it.
    """
    path = run.path.resolve()
    if path in _HELD:
        yield
        return
    with exclusive(run, config):
        _HELD.add(path)
        try:
            yield
        finally:
            _HELD.discard(path)


@contextlib.contextmanager
def at_work(
    config: BuildConfig | None, run_dir: str, progress: Progress, needs: Sequence[str] = (), makes: Sequence[str] = ()
) -> Iterator[Build]:
    """Open a build and hold its directory.

    Args:
        config: what to build; what the directory was last used for when left out.
        run_dir: the directory, or its address on an object store.
        progress: where to tell how it goes.
        needs: its folders that are read.
        makes: its folders that are written.

    Raises: see :func:`open_at` and :func:`holding`.
    """
    build = open_at(config, run_dir, progress, needs)
    mirror = mirror_of(build.run.path, progress)
    with holding(build.run, build.config):
        if mirror is not None:
            mirror.push(*_ALWAYS)
        yield build
        if mirror is not None:
            mirror.push(*makes)


def open_at(config: BuildConfig | None, run_dir: str, progress: Progress, needs: Sequence[str] = ()) -> Build:
    """Open a build that somebody else may hold; arguments as of :func:`at_work`.

    Raises: see :func:`find_run`, :func:`last_config` and :func:`pipeline.stages.open_build`.
    """
    path = find_run(run_dir, progress)
    mirror = mirror_of(path, progress)
    if mirror is not None:
        mirror.pull(*_ALWAYS, *needs)
    return open_build(config or last_config(path), path, progress, leave_it_there if mirror is None else mirror.put)


def open_chunk(config: BuildConfig | None, run_dir: str, teacher: str, chunk: str, progress: Progress) -> Build:
    """Open a build whose parent is elsewhere, to ask one of its chunks.

    Raises: see :func:`open_at`.
    """
    build = open_at(config, run_dir, progress, ["candidates", "selection"])
    mirror = mirror_of(build.run.path, progress)
    if mirror is not None:
        mirror.pull(f"chunks/teacher={teacher}/{chunk}.parquet")
        # of the ledger, what earlier runs of this chunk wrote: all of it would be much
        mirror.pull(f"ledger/teacher={teacher}", wanted=lambda place: chunk in place or place.endswith(".json"))
    return build


def find_run(run_dir: str, progress: Progress) -> Path:
    """Where a run directory is worked on: where it lies, or in its local copy.

    Raises:
        ConfigError: the address is none of a folder on an object store.
        StorageError: no such bucket, no access, or nobody answers.
    """
    if "://" not in run_dir:
        return Path(run_dir)
    from pipeline.storage import open_mirror  # noqa: PLC0415 - takes its time, and is seldom needed

    mirror = open_mirror(run_dir, progress=progress)
    mirror.pull(*_ALWAYS)
    return mirror.path


def mirror_of(path: Path, progress: Progress) -> Mirror | None:
    """What a local copy is the copy of; ``None`` where the directory itself is meant.

    Raises:
        RunDirectoryError: what says so is damaged.
    """
    if not (path / MIRROR_FOLDER).exists():
        return None
    from pipeline.storage import find_mirror  # noqa: PLC0415

    return find_mirror(path, progress)


def last_config(run_dir: Path) -> BuildConfig:
    """What a run directory was last used for.

    Raises:
        RunDirectoryError: no build has used it yet.
        ConfigError: its configuration is damaged.
    """
    path = run_dir / CONFIG_FILE
    if not path.exists():
        raise RunDirectoryError(f"{run_dir}: holds no {CONFIG_FILE}", "name the directory of a build that was started")
    return load_config(path)

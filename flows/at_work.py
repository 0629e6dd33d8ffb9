"""A run directory while flows work in it: opened, and held against other processes, however many flows nest."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from pipeline.progress import Progress
from pipeline.rundir import CONFIG_FILE, RunDirectory, exclusive
from pipeline.stages import Build, open_build
from schemas.config import BuildConfig
from schemas.errors import RunDirectoryError
from schemas.loading import load_config

_HELD: set[Path] = set()
"""Run directories that this process holds already."""


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
def at_work(config: BuildConfig | None, run_dir: Path, progress: Progress) -> Iterator[Build]:
    """Open a build and hold its directory.

    Args:
        config: what to build; what the directory was last used for when left out.
        run_dir: the directory.
        progress: where to tell how it goes.

    Raises: see :func:`holding`, :func:`last_config` and :func:`pipeline.stages.open_build`.
    """
    config = config or last_config(run_dir)
    build = open_build(config, run_dir, progress)
    with holding(build.run, config):
        yield build


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

"""One build's directory: where everything lies, and whose it is."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.files import TEMPORARY_SUFFIX, held, write_atomic
from schemas.base import Contract, canonical_json
from schemas.config import BuildConfig
from schemas.errors import RunDirectoryError
from schemas.loading import dump_config

LOCK_FILE = ".lock"
MIRROR_FOLDER = ".mirror"
"""In the local copy of a run directory that lies on an object store: where it comes from, and what was transferred."""

RUN_FILE = "run.json"
CONFIG_FILE = "config.yaml"
"""The configuration as last used."""
INDEX_FOLDER, CANDIDATES_FOLDER = "index", "candidates"
"""They may be there before a run directory belongs to a configuration: a source can be indexed without one."""

LAYOUT = 2
"""Raised when the layout of a run directory changes so that an older one cannot be gone on with."""


class RunIdentity(Contract):
    """Whom a run directory belongs to: what its configuration says about the dataset's bytes."""

    layout: int
    identity: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """Places inside one build's directory."""

    path: Path

    @property
    def index(self) -> Path:
        """What the source holds."""
        return self.path / INDEX_FOLDER

    @property
    def candidates(self) -> Path:
        """What is kept of a source that can only be streamed."""
        return self.path / CANDIDATES_FOLDER

    @property
    def selection(self) -> Path:
        """What was drawn, and screening's verdicts."""
        return self.path / "selection"

    @property
    def ledger(self) -> Path:
        """Every attempt of every teacher."""
        return self.path / "ledger"

    @property
    def chunks(self) -> Path:
        """What workers were given to do."""
        return self.path / "chunks"

    @property
    def dataset(self) -> Path:
        """The packed result."""
        return self.path / "dataset"

    @property
    def reports(self) -> Path:
        """What each stage did when it last worked."""
        return self.path / "reports"

    @property
    def verified(self) -> Path:
        """Which state of the dataset was found whole."""
        return self.path / "verified"

    @property
    def prefect(self) -> Path:
        """The embedded Prefect server's home."""
        return self.path / ".prefect"


def open_run(path: Path, config: BuildConfig) -> RunDirectory:
    """Open a build's directory, or make it.

    Raises:
        RunDirectoryError: it belongs to another configuration, is no run directory, or cannot be made.
    """
    run = check_run(path, config)
    _make(path)
    identity = RunIdentity(layout=LAYOUT, identity=config.identity())
    if not (path / RUN_FILE).exists():
        write_atomic(path / RUN_FILE, canonical_json(identity.model_dump(mode="json")))
    return run


def open_for_index(path: Path) -> RunDirectory:
    """Open a directory, or make it, in which a source is only indexed: any build's, or one that is none's yet.

    Raises:
        RunDirectoryError: it is no run directory, or cannot be made.
    """
    run = check_run(path, None)
    _make(path)
    return run


def _make(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunDirectoryError(f"{path}: cannot be made ({error.strerror})", "choose another --run-dir") from error


def check_run(path: Path, config: BuildConfig | None) -> RunDirectory:
    """Say whether a directory can serve this configuration, or any, without touching it.

    Raises:
        RunDirectoryError: see :func:`open_run`.
    """
    try:
        str(path.absolute()).encode()  # Arrow takes no other names
        exists = path.exists()
    except UnicodeEncodeError as error:
        raise RunDirectoryError(f"{ascii(str(path))[1:-1]}: is not UTF-8", "choose another --run-dir") from error
    except OSError as error:
        raise RunDirectoryError(
            f"{path}: cannot be looked at ({error.strerror})", "choose another --run-dir"
        ) from error
    if exists and not path.is_dir():
        raise RunDirectoryError(f"{path}: is a file", "choose another --run-dir")
    marker = path / RUN_FILE
    if marker.exists():
        _check_identity(marker, config)
    elif path.is_dir() and not all(_is_ours(entry) for entry in path.iterdir()):
        raise RunDirectoryError(f"{path}: holds other files", "choose an empty or new directory as --run-dir")
    return RunDirectory(path)


@contextlib.contextmanager
def exclusive(run: RunDirectory, config: BuildConfig | None) -> Iterator[None]:
    """Hold a run directory for this process, so that two builds do not work in one by mistake.

    The configuration as last used, if there is one, is kept in ``config.yaml``.

    Raises:
        RunDirectoryError: another process holds it.
    """
    with held(run.path / LOCK_FILE, lambda holder: _refuse(run, holder)):
        if config is not None:
            write_atomic(run.path / CONFIG_FILE, dump_config(config).encode())
        yield


def _refuse(run: RunDirectory, holder: str) -> RunDirectoryError:
    return RunDirectoryError(
        f"{run.path}: process {holder} is at work in it", "wait for it, or choose another --run-dir"
    )


def _is_ours(entry: Path) -> bool:
    """Whether a first start that was killed at once may have left this, or one that only indexed a source."""
    ours = {LOCK_FILE, INDEX_FOLDER, CANDIDATES_FOLDER, MIRROR_FOLDER}
    return entry.name in ours or entry.name.endswith(TEMPORARY_SUFFIX)


def _check_identity(marker: Path, config: BuildConfig | None) -> None:
    try:
        stored = RunIdentity.model_validate_json(marker.read_bytes())
    except ValueError as error:
        raise RunDirectoryError(f"{marker}: damaged", "choose another --run-dir") from error
    if stored.layout != LAYOUT:
        raise RunDirectoryError(
            f"{marker.parent}: made by another version (layout {stored.layout}, this is {LAYOUT})",
            "choose another --run-dir",
        )
    differences = [] if config is None else list(_differences(stored.identity, config.identity(), ""))
    if differences:
        raise RunDirectoryError(
            f"{marker.parent}: belongs to another configuration ({'; '.join(differences)})",
            "choose another --run-dir, or set these keys back",
        )


def _differences(old: Any, new: Any, path: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _differences(old.get(key), new.get(key), f"{path}.{key}".lstrip("."))
    elif old != new:
        yield f"{path} was {json.dumps(old)} and is {json.dumps(new)}"

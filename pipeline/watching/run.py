"""A run directory, looked at again and again while others work in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from pipeline.generation import set_up_teachers
from pipeline.packing.sidecars import MANIFEST_FILE
from pipeline.progress import Progress, Silent
from pipeline.rundir import check_run
from pipeline.selection import load_selection
from pipeline.sources import load_summary
from pipeline.watching.describe import describe_teacher
from pipeline.watching.teacher import TeacherWatch
from schemas.config import BuildConfig
from schemas.errors import DatasetError
from schemas.manifest import DatasetManifest
from schemas.status import DatasetStatus, RunStatus, StageStatus

_PARTS_AT_ONCE = 1000
"""So many parts are read within a second or two; progress is told of more."""


class RunWatch:
    """Looks at a run directory; what was read once is not read again.

    Args:
        config: of the build, as last used.
        run_dir: its directory.
        progress: told of a ledger that takes long to read.
        clock: seconds since the epoch.

    Raises:
        ConfigError: an unknown teacher or prompt.
        RunDirectoryError: the directory is another build's, or none's.
    """

    def __init__(
        self, config: BuildConfig, run_dir: Path, progress: Progress, clock: Callable[[], float] = time.time
    ) -> None:
        self._run = check_run(run_dir, config)
        self._progress = progress
        self._clock = clock
        self._teachers = [
            TeacherWatch(setup, self._run.ledger, config.generation.max_attempts) for setup in set_up_teachers(config)
        ]
        self._selected: frozenset[str] | None = None

    def look(self) -> RunStatus:
        """Read what is new, and say where everything stands.

        Raises:
            RunDirectoryError: a file is damaged, or the teachers were asked in another way than today's.
            DatasetError: the dataset's manifest is damaged.
        """
        index, selected = self._index(), self._select()
        self._read_ledger()
        dataset = _load_manifest(self._run.dataset / MANIFEST_FILE)
        now, ids = self._clock(), self._selected or frozenset()
        return RunStatus(
            run_dir=str(self._run.path),
            at=now,
            stages=(index, selected, self._pack(dataset), self._verify(dataset)),
            teachers=tuple(describe_teacher(watch, ids, self._run.chunks, now) for watch in self._teachers),
            dataset=None if dataset is None else _describe_dataset(dataset),
        )

    def _read_ledger(self) -> None:
        """Read the parts that came since, of all teachers."""
        unread = [(watch, part) for watch in self._teachers for part in watch.list_unread()]
        progress = self._progress if len(unread) > _PARTS_AT_ONCE else Silent()
        with progress.task("reading the ledger", len(unread), "parts") as task:
            for watch, part in unread:
                watch.read(part)
                task.advance()

    def _index(self) -> StageStatus:
        summary = load_summary(self._run.index)
        if summary is not None:
            return StageStatus(stage="index", state="done", images=summary.images)
        return StageStatus(stage="index", state="begun" if self._run.index.exists() else "to do", images=None)

    def _select(self) -> StageStatus:
        if self._selected is None and (manifest := load_selection(self._run.selection)) is not None:
            self._selected = frozenset(image_id for ids in manifest.ids.values() for image_id in ids)
        if self._selected is not None:
            return StageStatus(stage="select", state="done", images=len(self._selected))
        return StageStatus(stage="select", state="begun" if self._run.selection.exists() else "to do", images=None)

    def _pack(self, dataset: DatasetManifest | None) -> StageStatus:
        if dataset is not None:
            return StageStatus(stage="pack", state="done", images=dataset.packed)
        return StageStatus(stage="pack", state="begun" if self._run.dataset.exists() else "to do", images=None)

    def _verify(self, dataset: DatasetManifest | None) -> StageStatus:
        """Whether this very dataset was found whole: the mark is written after all of its files."""
        if dataset is not None and self._is_verified():
            return StageStatus(stage="verify", state="done", images=dataset.packed)
        return StageStatus(stage="verify", state="to do", images=None)

    def _is_verified(self) -> bool:
        try:
            marked = self._run.verified.stat().st_mtime_ns
            return all(path.stat().st_mtime_ns <= marked for path in self._run.dataset.rglob("*"))
        except FileNotFoundError:  # never verified, or being packed again
            return False


def _load_manifest(path: Path) -> DatasetManifest | None:
    try:
        return DatasetManifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise DatasetError(
            f"{path}: is no manifest of a dataset", "remove the dataset folder and pack again"
        ) from error


def _describe_dataset(manifest: DatasetManifest) -> DatasetStatus:
    return DatasetStatus(
        selected=manifest.selected,
        packed=manifest.packed,
        shards=len(manifest.shards),
        size=sum(shard.bytes for shard in manifest.shards),
    )

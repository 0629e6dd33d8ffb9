"""From a source to its index: what no part holds yet is scanned, then the parts are merged."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pipeline.files import TEMPORARY_SUFFIX, write_atomic
from pipeline.progress import BYTES, Progress, Task
from pipeline.sources.base import Container, Source
from pipeline.sources.index.merge import Tally, merge
from pipeline.sources.index.parts import DamagedPartError, Parts, Stored, find_damaged
from pipeline.sources.index.resized import WARNING, has_names_of_resized, has_sizes_of_resized
from pipeline.sources.index.scan import Missing, ScanJob, scan_into_parts
from pipeline.sources.index.summary import IMAGES, PARTS, REJECTIONS, SUMMARY, IndexSummary
from pipeline.sources.shards.info import Announcing
from pipeline.workers import ordered_map, resolve_workers
from schemas.base import canonical_json
from schemas.config import SourceConfig
from schemas.errors import ConfigError, ConservationError, RunDirectoryError, SourceError

_TOGETHER = 64
"""Containers handed to a worker at once, at most: small ones share parts, and few enough to spread the rest."""
_JOBS_PER_WORKER = 16
_WORTH_PROCESSES = 2**28
"""Bytes below which starting processes takes longer than the scan."""
_TRIES = 3
_SECONDS_BETWEEN_LOOKS = 1.0


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """How an index is made. None of it changes a row but ``dimensions``."""

    place: str = ""
    """The source's path or address, for people, and to tell one source's parts from another's in a shared folder."""
    dimensions: bool = True
    """Whether the source looks at the first bytes of images."""
    workers: int = 1
    """Processes; 0 is one per core."""
    cache: Path | None = None
    """Folder of the parts; one in the index's own when left out."""

    @classmethod
    def of(cls, config: SourceConfig) -> Self:
        """The options of a configuration."""
        return cls(config.path, config.dimensions, config.workers, config.index_cache)


def build_index(source: Source, out_dir: Path, progress: Progress, options: IndexOptions | None = None) -> IndexSummary:
    """Index a source into ``out_dir``: its images, its rejections, and last the summary.

    Of several entries with one id the first in the source's order is kept, the others are rejected. Killed anywhere it
    goes on where the last part ends; a container whose key is that of an earlier scan is not read again. Neither
    changes a byte of the result, nor does the number of workers.

    Raises:
        SourceError: the source cannot be read, or holds no image.
        ConfigError: the shared folder of the parts cannot be written, and has to be.
        ConservationError: an entry was lost on the way.
        OSError: ``out_dir`` cannot be written.
    """
    options = options or IndexOptions()
    (out_dir / SUMMARY).unlink(missing_ok=True)
    for left_behind in out_dir.glob(f".*{TEMPORARY_SUFFIX}"):
        left_behind.unlink()
    is_named_resized = bool(options.place) and has_names_of_resized(options.place)
    if is_named_resized:
        progress.warn(f"{options.place} {WARNING}")
    if isinstance(source, Announcing):
        _warn(progress, source.warnings())
    builder = _Builder(source, out_dir, progress, options)
    tally = builder.merge_parts()
    if tally.images == 0:
        builder.withdraw()
        raise _no_image(tally)
    if isinstance(source, Announcing):
        _warn(progress, source.check(tally.found_in))
    has_sizes = has_sizes_of_resized(tally.known_dimensions, tally.of_224, tally.larger)
    if has_sizes and not is_named_resized:
        progress.warn(f"{options.place or 'the source'} {WARNING}")
    summary = IndexSummary(
        form=source.form,
        place=options.place,
        containers=len(builder.containers),
        entries=tally.entries,
        images=tally.images,
        companions=tally.companions,
        rejected=dict(sorted(tally.rejected.items())),
        examples=dict(sorted(tally.examples.items())),
        bytes=tally.bytes,
        known_dimensions=tally.known_dimensions,
        of_224=tally.of_224,
        resized=has_sizes or (is_named_resized and not tally.known_dimensions),
    )
    write_atomic(out_dir / SUMMARY, canonical_json(summary.model_dump(mode="json")) + b"\n")
    builder.tidy()
    return summary


def _warn(progress: Progress, lines: Sequence[str]) -> None:
    for line in lines:
        progress.warn(line)


def _no_image(tally: Tally) -> SourceError:
    example = next((f", e.g. {detail} ({reason})" for reason, detail in tally.examples.items()), "")
    return SourceError(
        f"the source holds no ImageNet image among {tally.entries} entries{example}",
        "images are named nXXXXXXXX_N.JPEG; check source.path",
    )


class _Builder:
    """What is there and what is missing. Which is which stands on disk alone."""

    def __init__(self, source: Source, out_dir: Path, progress: Progress, options: IndexOptions) -> None:
        self.containers = list(source.containers())
        self._keys = [_key(source, container, options) for container in self.containers]
        self._source = source
        self._out_dir = out_dir
        self._progress = progress
        self._workers = 1 if source.is_stream else resolve_workers(options.workers)
        self._is_shared = options.cache is not None
        self._parts = Parts(options.cache or out_dir / PARTS)
        out_dir.mkdir(parents=True, exist_ok=True)
        try:
            self._parts.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if self._is_shared:
                raise _useless(self._parts.folder, f"cannot be made ({error.strerror})") from error
            raise

    def merge_parts(self) -> Tally:
        """Scan what is missing, and merge; parts that turn out to be damaged are scanned again.

        Raises:
            RunDirectoryError: parts are damaged as soon as they are written.
        """
        for _ in range(_TRIES):
            self._scan_missing()
            if self._replace(self._parts.take_damaged()):
                continue
            lost = next(self._missing(), None)
            if lost is not None:
                raise ConservationError(f"index: {lost.container.name} was scanned, and its end is in no part")
            try:
                return merge(self._chains(), self._out_dir)
            except DamagedPartError:
                self._replace(find_damaged(self._used()))
        raise RunDirectoryError(f"{self._parts.folder}: what is written there comes back changed", "check the disk")

    def withdraw(self) -> None:
        """Take back the files of an index that is of no use; the parts stay."""
        for name in (IMAGES, REJECTIONS):
            (self._out_dir / name).unlink(missing_ok=True)

    def tidy(self) -> None:
        """Remove parts of containers that changed or are gone; from a shared folder only what nobody can be writing."""
        if self._is_shared:
            self._parts.remove_forgotten()
        else:
            self._parts.keep_only(self._used())

    def _used(self) -> set[Path]:
        return {stored.part for chain in self._chains() for stored in chain}

    def _chains(self) -> Iterator[list[Stored]]:
        for key, container in zip(self._keys, self.containers, strict=True):
            yield self._parts.chain(key, container.start)

    def _missing(self) -> Iterator[Missing]:
        for key, container, chain in zip(self._keys, self.containers, self._chains(), strict=True):
            if not chain or not chain[-1].stretch.finished:
                yield Missing(key, container, chain[-1].stretch.next if chain else container.start)

    def _scan_missing(self) -> None:
        self._parts.refresh()
        self._replace(self._parts.take_damaged())
        missing = list(self._missing())
        if not missing:
            return
        self._demand_write()
        left = sum(_bytes_between(each.container, each.start, each.container.end) for each in missing)
        workers = self._workers if left >= _WORTH_PROCESSES and len(missing) > 1 else 1
        with self._progress.task("index", left or None, BYTES) as task:
            self._scan(missing, workers, _Watch(task, self._parts, missing))

    def _scan(self, missing: Sequence[Missing], workers: int, watch: _Watch) -> None:
        """Scan in a thread and its worker processes, while this one watches which parts appear.

        An interrupt reaches this thread alone: it then asks the others to end after the batch they have in hand. The
        file that asks them stays until the next start, as a second interrupt would not wait for them.
        """
        stop = self._out_dir / f".stop{TEMPORARY_SUFFIX}"
        each = _TOGETHER if workers == 1 else max(1, min(_TOGETHER, len(missing) // (workers * _JOBS_PER_WORKER)))
        jobs = (ScanJob(self._source, together, self._parts.folder, stop) for together in _batched(missing, each))
        with ThreadPoolExecutor(1, thread_name_prefix="index") as pool:
            scanning = pool.submit(_drain, jobs, workers)
            try:
                while wait([scanning], _SECONDS_BETWEEN_LOOKS).not_done:
                    watch.look()
            except BaseException:
                stop.touch()
                raise
            scanning.result()
        watch.look()

    def _replace(self, damaged: Iterable[DamagedPartError]) -> bool:
        """Remove damaged parts; whether there were any."""
        was_damaged = False
        for damage in damaged:
            self._demand_write()
            self._progress.warn(f"{damage.part}: damaged ({damage.problem}); what it held is scanned again")
            self._parts.discard(damage.part)
            was_damaged = True
        return was_damaged

    def _demand_write(self) -> None:
        """Say at once, and of which folder, what a worker would say of one file in it."""
        if self._is_shared and not os.access(self._parts.folder, os.W_OK):
            raise _useless(self._parts.folder, "cannot be written, and does not hold all that is needed")


def _useless(cache: Path, problem: str) -> ConfigError:
    return ConfigError(f"{cache} {problem}", "set source.index_cache to a folder that can be written, or leave it out")


class _Watch:
    """Progress, told by the parts that appear: they are the only thing that several processes share."""

    def __init__(self, task: Task, parts: Parts, missing: Sequence[Missing]) -> None:
        self._task = task
        self._parts = parts
        self._containers = {each.key: each.container for each in missing}
        self._images = self._rejections = 0

    def look(self) -> None:
        """Tell of what appeared since."""
        for stretch in (stored.stretch for stored in self._parts.refresh()):
            container = self._containers.get(stretch.key)
            if container is not None:
                self._images += stretch.images
                self._rejections += stretch.rejections
                end = container.end if stretch.finished else stretch.next
                self._task.advance(_bytes_between(container, stretch.start, end))
        self._task.describe(f"{self._images:,} images, {self._rejections:,} rejected")


def _drain(jobs: Iterator[ScanJob], workers: int) -> None:
    for _ in ordered_map(scan_into_parts, jobs, workers):
        pass


def _batched(missing: Sequence[Missing], size: int) -> Iterator[tuple[Missing, ...]]:
    iterator = iter(missing)
    while together := tuple(itertools.islice(iterator, size)):
        yield together


def _bytes_between(container: Container, start: int, end: int) -> int:
    """About how many bytes lie between two positions, whatever their unit."""
    length = container.end - container.start
    return container.bytes * (min(end, container.end) - start) // length if length > 0 else 0


def _key(source: Source, container: Container, options: IndexOptions) -> str:
    # not printable(), which cuts long names short
    where = [ascii(options.place), ascii(container.name), container.start]
    identity = [source.form, options.dimensions, where, container.key]
    return hashlib.sha256(canonical_json(identity)).hexdigest()

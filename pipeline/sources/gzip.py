"""A gzip file of a whole collection, as ``winter21_whole.tar.gz`` is one: read from its beginning to its end, once."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path

from pipeline.lines import printable
from pipeline.progress import Progress, Task
from pipeline.sources.base import Batch, Container
from pipeline.sources.keeping import Keep
from pipeline.sources.options import ScanOptions
from pipeline.sources.streams.candidates import CandidateStore
from pipeline.sources.streams.inflate import BEGINNING, Gunzip
from pipeline.sources.streams.kept_source import KeptSource
from pipeline.sources.streams.passes import LARGE, MARKS, Pass, Stopwatch, announce, load_pass, save_pass
from pipeline.sources.streams.readers import ForwardReader
from pipeline.sources.streams.seeking import SeekIndex
from pipeline.sources.streams.tar import Passing, StreamedTar
from schemas.config import SourceConfig
from schemas.errors import SourceError
from schemas.image import ImageRef, IndexedImage
from schemas.rejection import Rejection

SCANNER = "tar.gz-1"
"""Raised whenever the same archive would be listed differently; part of its key."""

BATCH_ENTRIES = 4096
BATCH_BYTES = 2**28
BATCH_SECONDS = 5.0
"""A batch ends with the class in which it has as many entries, unpacked bytes or seconds, or when it has twice as many:
what a kill can cost, beyond getting there again."""

_SEEK_INDEX = "seek-index"
_SAMPLE = 2**22


class GzipSource(KeptSource):
    """One gzip file of a tar, flat or of tars. Offsets are those in the unpacked archive.

    What passes while it is indexed is kept as ``keep`` says. Only what was kept or fetched can be read, and then the
    archive itself is not needed.

    Args:
        path: of the file.
        options: how it is scanned.
        keep: what is kept, and where; without, the source can be listed and not read.
        seek_index: keep an index with which it can be entered in its middle; it lies beside what is kept.
    """

    form = "tar.gz"

    def __init__(self, path: Path, options: ScanOptions, keep: Keep | None, *, seek_index: bool = False) -> None:
        super().__init__(printable(str(path)), CandidateStore(keep) if keep else None)
        self._path = path
        self._options = options
        self._keep = keep
        self._seek_index = seek_index

    def containers(self) -> Iterator[Container]:
        """The file, as one. Its end is estimated from how its first bytes unpack.

        From now on the place for what is kept is this archive's: what was kept of another one goes.

        Raises:
            SourceError: it cannot be read, or that place cannot be written.
        """
        now = Pass.of(self._path)
        if self._keep is not None and self._store is not None:
            done = load_pass(self._keep.directory)
            if done is None or not done.is_of_same(now):
                self._store.clear()
                (self._keep.directory / _SEEK_INDEX).unlink(missing_ok=True)
                save_pass(self._keep.directory, now)
        yield Container(".", 0, self._estimate_end(now.size), _key_of(now), now.size)

    def scan(self, container: Container, start: int) -> Iterator[Batch]:
        """Every entry, in one pass; what is to be kept of a batch is on disk before it is yielded.

        Without an index for seeking, everything before ``start`` is unpacked again, and kept if that was not done:
        another build may have scanned it, with which this one shares the index.

        Raises:
            SourceError: the file cannot be read, or is another one since it was listed.
            OSError: what is kept cannot be written.
        """
        done = self._last_pass()
        if container.key != _key_of(done):
            raise self._changed()
        with self._seeker() as seeker:
            entrance = done.mark_before(start) if seeker else 0
            gunzip = Gunzip(self._path, seeker.before(entrance) if seeker else BEGINNING, seeker)
            stopwatch = Stopwatch(gunzip.unpacked)
            with closing(iter(gunzip)) as pieces:
                reader = ForwardReader(pieces, gunzip.unpacked)
                tar = StreamedTar(gunzip, reader.pread, ".", dimensions=self._options.dimensions)
                batch = _Collected(gunzip.unpacked)
                for passing in tar.entries(entrance):
                    if passing.header < start:
                        self._offer(passing)
                        continue
                    if batch.is_full(passing, gunzip.unpacked):
                        done = self._note(done, gunzip, stopwatch, tar.entrance, seeker)
                        yield batch.cut(passing.header)
                        batch = _Collected(gunzip.unpacked)
                    batch.add(passing)
                    self._offer(passing)
                self._note(done.model_copy(update={"finished": True}), gunzip, stopwatch, tar.entrance, seeker)
                yield batch.cut(max(gunzip.unpacked, start))

    def prepare(self, refs: Iterable[ImageRef], progress: Progress) -> None:
        """Fetch those images that were not kept: all in one pass, or by seeking.

        Raises:
            SourceError: the file cannot be read, was changed, or ends before one of them, or there is no place to keep
                them.
            OSError: they cannot be written.
        """
        store = self._candidates()
        missing = sorted({ref.offset: ref for ref in store.missing(refs)}.values(), key=lambda ref: ref.offset)
        if not missing:
            return
        done = self._last_pass()
        last = missing[-1].offset + missing[-1].size
        with self._seeker() as seeker:
            beyond = last - (seeker.before(last).unpacked if seeker else 0)
            if seeker is None or beyond > LARGE:  # an index for seeking may end early, or be empty
                progress.warn(
                    f"{self._place} is read once more, for {len(missing):,} images that were not kept: "
                    f"{beyond / 1e9:.1f} GB unpacked{done.minutes(beyond)}; a greater source.keep_per_class saves that"
                )
            with progress.task("fetch", last, "bytes") as task:
                for ref, data in _fetch(self._path, missing, seeker, task):
                    store.put(ref, data)
                store.flush()
                if seeker is not None:
                    seeker.flush()

    def warnings(self) -> list[str]:
        """What reading it costs where it cannot be entered in its middle, in one line."""
        if self._keep is None or self._seek_index:
            return []
        warning = announce(self._path, Pass.of(self._path), load_pass(self._keep.directory))
        return [] if warning is None else [warning]

    def check(self, images: Mapping[str, int]) -> list[str]:  # noqa: ARG002 - the protocol's
        """Nothing: the archive does not say what it should hold."""
        return []

    def _last_pass(self) -> Pass:
        """The state of this archive's pass.

        Raises:
            SourceError: the archive cannot be looked at, or is another one than was listed.
        """
        now = Pass.of(self._path)
        done = load_pass(self._keep.directory) if self._keep else None
        if done is not None and not done.is_of_same(now):
            raise self._changed()
        return done or now

    def _changed(self) -> SourceError:
        return SourceError(f"{self._place} changed since it was indexed", "restore it, or start a new run directory")

    def _offer(self, passing: Passing) -> None:
        if self._store is not None and passing.data is not None:
            assert isinstance(passing.entry, IndexedImage)
            self._store.offer(passing.entry, passing.data)

    def _seeker(self) -> AbstractContextManager[SeekIndex | None]:
        if self._keep is None or not self._seek_index:
            return nullcontext()
        return SeekIndex(self._keep.directory / _SEEK_INDEX)

    def _note(self, done: Pass, gunzip: Gunzip, stopwatch: Stopwatch, mark: int, seeker: SeekIndex | None) -> Pass:
        """Make durable what a batch relies on."""
        if self._keep is None or self._store is None:
            return done
        self._store.flush()
        if seeker is not None:
            seeker.flush()
        done = done.model_copy(
            update={
                "packed": gunzip.packed,
                "unpacked": gunzip.unpacked,
                "rate": stopwatch.rate(gunzip.unpacked),
                "marks": (*done.marks, mark)[-MARKS:],
            }
        )
        save_pass(self._keep.directory, done)
        return done

    def _estimate_end(self, size: int) -> int:
        gunzip = Gunzip(self._path)
        with closing(iter(gunzip)) as pieces:
            for _ in pieces:
                if max(gunzip.packed, gunzip.unpacked // 16) >= _SAMPLE:
                    break
        return max(1, size * gunzip.unpacked // max(gunzip.packed, 1))


def open_kept(config: SourceConfig, keep: Keep) -> GzipSource | None:
    """What was kept of an archive that is gone since it was read; ``None`` where it is there, or never was.

    The stages that read nothing but kept images need no more.
    """
    path = Path(config.path)
    if config.is_hub or config.form not in ("auto", "tar.gz") or load_pass(keep.directory) is None:
        return None
    if os.path.exists(path):  # noqa: PTH110 - Path.exists raises where it may not look
        return None
    return GzipSource(path, ScanOptions(config.scan_mode, config.dimensions), keep, seek_index=config.seek_index)


def _key_of(archive: Pass) -> str:
    return hashlib.sha256(f"{SCANNER} {archive.size} {archive.mtime_ns}".encode()).hexdigest()


class _Collected:
    """The entries of a batch."""

    def __init__(self, unpacked: int) -> None:
        self._unpacked = unpacked
        self._began = time.monotonic()
        self._entries: list[IndexedImage | Rejection] = []

    def add(self, passing: Passing) -> None:
        self._entries.append(passing.entry)

    def is_full(self, following: Passing, unpacked: int) -> bool:
        """Whether the batch ends before an entry: rather between two classes, so that most are kept in one go."""
        if not self._entries:
            return False
        fill = max(
            len(self._entries) / BATCH_ENTRIES,
            (unpacked - self._unpacked) / BATCH_BYTES,
            (time.monotonic() - self._began) / BATCH_SECONDS,
        )
        return fill >= (1 if following.entry.wnid != self._entries[-1].wnid else 2)

    def cut(self, position: int) -> Batch:
        """The batch, after which the scan may go on at a position."""
        return Batch.of(self._entries, 0, position)


def _fetch(
    path: Path, refs: Sequence[ImageRef], seeker: SeekIndex | None, task: Task
) -> Iterator[tuple[ImageRef, bytes]]:
    """The bytes of some images, in ascending order of their offsets.

    Raises:
        SourceError: the file cannot be read, or ends before one of them.
    """
    gunzip, reader = Gunzip(path), None
    for ref in refs:
        point = seeker.before(ref.offset) if seeker else BEGINNING
        if reader is None or point.unpacked > gunzip.unpacked:
            task.advance(point.unpacked - gunzip.unpacked)
            gunzip = Gunzip(path, point, seeker)
            reader = ForwardReader(_told(gunzip, task), point.unpacked)
        data = reader.pread(ref.size, ref.offset)
        if len(data) != ref.size:
            raise SourceError(
                f"{printable(str(path))} ends before {ref.image_id}" + (f": {gunzip.damage}" if gunzip.damage else ""),
                "restore it, or index again",
            )
        yield ref, data


def _told(pieces: Iterable[bytes], task: Task) -> Iterator[bytes]:
    for piece in pieces:
        task.advance(len(piece))
        yield piece

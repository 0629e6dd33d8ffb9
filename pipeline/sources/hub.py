"""Shards and Parquet files on the Hugging Face hub, streamed: nothing of them is stored but the candidates.

A build stays at the commit that the hub named when it was first listed, whatever a branch does meanwhile; ``hub.json``
beside the candidates says which. So the stages that only read candidates need no network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from pipeline.files import write_atomic
from pipeline.hub import HubFile, HubFiles, Place, Purpose
from pipeline.lines import printable
from pipeline.progress import Progress
from pipeline.sources import parquet
from pipeline.sources.archives.compressed import LONGEST_MAGIC, refuse_compressed
from pipeline.sources.base import Batch, Container
from pipeline.sources.entries import ARCHIVE_SUFFIXES, judge
from pipeline.sources.keeping import Keep
from pipeline.sources.options import ScanOptions
from pipeline.sources.shards.folder import LOOSE
from pipeline.sources.shards.info import INFO_NAMES, MAX_INFO, Promises
from pipeline.sources.shards.parquet_rows import RowReader, scan_rows
from pipeline.sources.shards.scan import SCANNER, Shard, scan_shard
from pipeline.sources.streams.candidates import CandidateStore
from pipeline.sources.streams.kept_source import KeptSource
from pipeline.sources.streams.readers import ForwardReader, RangeFile
from pipeline.sources.streams.stretches import find_stretches
from schemas.base import Contract, canonical_json
from schemas.errors import RunDirectoryError, SourceError
from schemas.image import ImageRef

HubForm = Literal["webdataset", "parquet"]

SUFFIXES: dict[HubForm, tuple[str, ...]] = {"webdataset": ARCHIVE_SUFFIXES, "parquet": (parquet.SUFFIX,)}
_SCANNERS: dict[HubForm, str] = {"webdataset": SCANNER, "parquet": parquet.SCANNER}

PURPOSE = Purpose(
    "source.path",
    instead="unset it, or set source.path to a folder",
    moved="check source.path, or start a new run directory",
    error=SourceError,
)

PIN = "hub.json"

CONNECTIONS = 8
"""Stretches that are fetched side by side; all of them are in memory."""

_EXAMPLES = 4


class Pin(Contract):
    """What a build holds on to: where the hub's branch stood when it began, and what was found there."""

    source: str
    commit: str
    form: HubForm


def open_hub(url: str, form: HubForm | Literal["auto"], options: ScanOptions, keep: Keep | None) -> HubSource:
    """Open a dataset on the hub, writing nothing. The network is needed until it was listed once.

    Args:
        url: ``hf://datasets/OWNER/NAME[@REVISION][/FOLDER]``.
        form: looks at the files' names when it is ``auto``.
        options: how containers are scanned.
        keep: what is kept of the images that pass; without, the source can be listed and not read.

    Raises:
        SourceError: there is no such dataset, or not for this user, it holds no shards, or the hub cannot be reached.
        RunDirectoryError: what an earlier start wrote down cannot be read.
    """
    place = Place.parse(url, SourceError)
    pin = _load_pin(keep.directory, place) if keep else None
    if pin is None:
        files = HubFiles.at(place, PURPOSE)
        pin = Pin(source=str(place), commit=files.commit, form=_choose_form(files, form))
    elif form not in ("auto", pin.form):
        pin = pin.model_copy(update={"form": _choose_form(HubFiles(place, pin.commit, PURPOSE), form)})
    return HubSource(pin, options, keep)


class HubSource(KeptSource):
    """Every shard is a container, as in a folder; references do not name the commit."""

    def __init__(self, pin: Pin, options: ScanOptions, keep: Keep | None) -> None:
        # candidates of one commit never meet those of another
        store = CandidateStore(replace(keep, directory=keep.directory / pin.commit[:12])) if keep else None
        super().__init__(pin.source, store)
        self.form = pin.form
        self._pin = pin
        self._files = HubFiles(Place.parse(pin.source, SourceError), pin.commit, PURPOSE)
        self._options = options
        self._keep = keep

    def __reduce__(self) -> tuple[type[HubSource], tuple[Pin, ScanOptions, Keep | None]]:
        """Pickle neither open files nor what was listed."""
        return HubSource, (self._pin, self._options, self._keep)

    def containers(self) -> Iterator[Container]:
        """The shards in the order of their names, then the other files together. From now on the build has its commit.

        Raises:
            SourceError: the hub refuses, or cannot be reached.
            OSError: the commit cannot be written down.
        """
        listing = self._listing
        if self._keep is not None:
            write_atomic(self._keep.directory / PIN, canonical_json(self._pin.model_dump()) + b"\n")
        loose = hashlib.sha256()
        for file in listing:
            identity = f"{file.name}\0{file.size}\0{file.digest}\0{_SCANNERS[self.form]}".encode()
            if self._is_shard(file):
                # the rows of a Parquet file are known only to itself, and are fewer than its bytes
                yield Container(file.name, 0, file.size, hashlib.sha256(identity).hexdigest(), file.size)
            else:
                loose.update(identity)
        if self._loose:
            yield Container(LOOSE, 0, len(self._loose), loose.hexdigest(), 0)

    def scan(self, container: Container, start: int) -> Iterator[Batch]:
        """Every entry of one shard, which streams by while its candidates are kept.

        Raises:
            SourceError: the hub refuses, or cannot be reached any more.
            OSError: the candidates cannot be written.
        """
        if container.name == LOOSE:
            yield self._judge_loose(start)
            return
        for batch in self._scan_shard(container, start):
            if self._store is not None:
                self._store.flush()
            yield batch

    def prepare(self, refs: Iterable[ImageRef], progress: Progress) -> None:
        """Fetch those images that were not kept.

        Raises:
            SourceError: the hub refuses, or cannot be reached, or there is no place to keep them.
            OSError: they cannot be written.
        """
        store = self._candidates()
        missing = store.missing(refs)
        if not missing:
            return
        with progress.task("fetch", len(missing), "images") as task:
            try:
                for ref, data in zip(missing, self._fetch_all(missing), strict=True):
                    store.put(ref, data)
                    task.advance()
            finally:  # what came before the hub fell silent need not come again
                store.flush()

    def warnings(self) -> list[str]:
        """Where ``info.json`` and the hub differ, one line each."""
        return self._promises.warnings({file.name for file in self._listing if self._is_shard(file)})

    def check(self, images: Mapping[str, int]) -> list[str]:
        """Where ``info.json`` and the shards differ, one line each; see ``Announcing``."""
        return self._promises.check(images)

    @cached_property
    def _listing(self) -> list[HubFile]:
        return self._files.files()

    @cached_property
    def _loose(self) -> list[HubFile]:
        return [file for file in self._listing if not self._is_shard(file)]

    @cached_property
    def _promises(self) -> Promises:
        infos = [file for file in self._loose if _is_info(file)] if self.form == "webdataset" else []
        return Promises({file.name: self._files.read(file.name, 0, min(file.size, MAX_INFO)) for file in infos})

    def _is_shard(self, file: HubFile) -> bool:
        return file.name.lower().endswith(SUFFIXES[self.form])

    def _judge_loose(self, start: int) -> Batch:
        others = [file for file in self._loose[start:] if self.form == "parquet" or not _is_info(file)]
        entries = [judge(file.name, file.name, 0, file.size, file.name) for file in others]
        return Batch.of(entries, len(self._loose) - start - len(others), len(self._loose))

    def _scan_shard(self, container: Container, start: int) -> Iterator[Batch]:
        offer = self._offer if self._store is not None else None
        if self.form == "parquet":
            yield from scan_rows(self._open, container, start, dimensions=self._options.dimensions, offer=offer)
            return
        with closing(self._files.stream(container.name, start, container.end)) as chunks:
            stream = ForwardReader(chunks, start)
            if start == 0:
                refuse_compressed(stream.pread(LONGEST_MAGIC, 0), f"{self._files.place}: {container.name}")
            shard = Shard(container.name, container.end, self._options.dimensions, offer)
            yield from scan_shard(stream.pread, shard, start)

    def _offer(self, ref: ImageRef, data: bytes) -> None:
        store = self._candidates()
        try:
            store.offer(ref, data)
        except OSError as error:  # not the shard's: it would be taken for damaged
            raise SourceError(
                f"{error.filename or 'the run directory'} cannot be written ({error.strerror})"
            ) from error

    def _open(self, name: str) -> RangeFile:
        size = next((file.size for file in self._listing if file.name == name), None)
        if size is None:
            raise SourceError(f"{self._files.place}: {printable(name)} is gone", "index again")
        return RangeFile(lambda length, offset: self._files.read(name, offset, length), size)

    def _fetch_all(self, refs: Sequence[ImageRef]) -> Iterator[bytes]:
        """The images, in order; rows of Parquet files one after the other, since neighbours come together."""
        if self.form == "parquet":
            rows = RowReader(self._open)
            for ref in refs:
                yield from [rows.read(ref)] if self._is_row(ref) else self._fetch([ref])
            return
        stretches = find_stretches(refs)
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            while batch := list(islice(stretches, CONNECTIONS)):
                yield from chain.from_iterable(pool.map(self._fetch, batch))

    def _is_row(self, ref: ImageRef) -> bool:
        return ref.container.lower().endswith(SUFFIXES["parquet"])

    def _fetch(self, stretch: Sequence[ImageRef]) -> list[bytes]:
        """Images that lie close together in one file, by one request."""
        first, last = stretch[0], stretch[-1]
        start = first.offset
        data = self._files.read(first.container, start, last.offset + last.size - start)
        return [data[ref.offset - start : ref.offset - start + ref.size] for ref in stretch]


def _choose_form(files: HubFiles, form: HubForm | Literal["auto"]) -> HubForm:
    if form != "auto":
        return form
    names = [file.name for file in files.files()]
    counts = {form: sum(name.lower().endswith(SUFFIXES[form]) for name in names) for form in SUFFIXES}
    found = [form for form, count in counts.items() if count]
    if len(found) == 1:
        return found[0]
    if found:
        raise SourceError(
            f"{files.place} holds {counts['webdataset']} tars and {counts['parquet']} Parquet files",
            "name one folder of it in source.path, or set source.form to webdataset or parquet",
        )
    seen = ", ".join(printable(name) for name in names[:_EXAMPLES]) or "nothing"
    raise SourceError(
        f"{files.place} holds neither WebDataset shards (.tar) nor Parquet files, but {seen}", "check source.path"
    )


def _load_pin(directory: Path, place: Place) -> Pin | None:
    """What this build began with; ``None`` where it did not, or with another source."""
    path = directory / PIN
    try:
        pin = Pin.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise RunDirectoryError(f"{path} cannot be read", "delete it to start from what the hub holds now") from error
    return pin if pin.source == str(place) else None


def _is_info(file: HubFile) -> bool:
    return file.name.rpartition("/")[2] in INFO_NAMES

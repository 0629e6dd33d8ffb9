"""A local copy of a run directory that lies on an object store, and what travels between the two."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pipeline.progress import BYTES, Progress, Silent
from pipeline.rundir import MIRROR_FOLDER
from pipeline.storage.layout import folder_of, is_immutable, is_mark, marks_of, top_of, travels
from pipeline.storage.notes import Note, Notes
from pipeline.storage.objects import ObjectStore, StoredFile

_NOTES = "notes.json"
_THREADS = 16
"""Transfers at once: small files wait for the store, and a few large ones fill the network."""
_NOTE_SECONDS = 5.0
"""What a kill can cost in notes, and so in files that travel again."""


def _whichever(_: str) -> bool:
    return True


@dataclass(frozen=True)
class Mirror:
    """A copy of a run directory and its store. May be used by several threads, and a copy by several processes.

    Args:
        path: the copy.
        store: the store.
        progress: where to tell how transfers go.
    """

    path: Path
    store: ObjectStore
    progress: Progress = field(default_factory=Silent)

    @property
    def url(self) -> str:
        """The run directory's address."""
        return str(self.store.address)

    def pull(self, *places: str, wanted: Callable[[str], bool] = _whichever) -> int:
        """Fetch what the store has and the copy lacks, or has in an older state.

        What the copy changed and did not send stays, unless the store's file changed as well. What once travelled and
        is gone from the store goes here, too. A folder's marks of being complete come last, and while anything
        else of it changes they are not there.

        Args:
            places: files or folders of the run directory.
            wanted: which files, by place; all when left out. Not for folders with marks.

        Returns:
            Files fetched.

        Raises:
            StorageError: the store fails, or holds keys that are no places.
            OSError: a file cannot be written.
        """
        notes = self._notes.read()
        theirs = {file.place: file for place in places for file in self.store.list(place)}
        theirs = {place: file for place, file in theirs.items() if travels(place) and wanted(place)}
        due = {place for place, file in theirs.items() if self._is_news(file, notes.get(place))}
        known = [place for place in notes if _is_below(place, places) and wanted(place)]
        gone = {place for place in known if place not in theirs and self._stands(place, notes[place])}
        for mark in _broken_marks(due, gone):
            if (self.path / mark).exists():
                (self.path / mark).unlink()
                due |= {mark} & theirs.keys()
        for place in gone:
            (self.path / place).unlink(missing_ok=True)
        self._notes.update(dict.fromkeys(gone))
        return self._carry("Fetching", [theirs[place] for place in due], self._fetch)

    def push(self, *places: str) -> int:
        """Send what is new or changed here, and delete there what is gone here from a folder with one writer.

        A folder's marks of being complete are sent last, and taken away before anything else of it changes, so
        that whoever looks finds a whole folder or one that says that it is not.

        Args:
            places: files or folders of the run directory; any place in a folder with marks means the whole folder.

        Returns:
            Files sent.

        Raises:
            StorageError: the store fails, or holds keys that are no places.
            OSError: a file cannot be read.
        """
        notes = self._notes.read()
        whole = {top_of(place) if folder_of(place).last else place for place in places}
        ours = {file.place: file for place in whole for file in self._list_here(place)}
        theirs = {file.place: file for place in whole for file in self.store.list(place) if travels(file.place)}
        due = {place for place in ours if self._is_unsent(ours[place], theirs.get(place), notes.get(place))}
        gone = {place for place in theirs if place not in ours and self._is_gone(place, whole)}
        for mark in _broken_marks(due, gone):
            if mark in theirs:
                self.store.delete(mark)
                due |= {mark} & ours.keys()
        for place in gone:
            self.store.delete(place)
        self._notes.update(dict.fromkeys(gone))
        return self._carry("Sending", [ours[place] for place in due], self._send)

    def put(self, path: Path) -> None:
        """Send one file of the copy.

        Args:
            path: the file.

        Raises:
            StorageError: the store fails.
            OSError: the file cannot be read.
        """
        place = path.absolute().relative_to(self.path.absolute()).as_posix()
        self._notes.update(self._send(self._look(place)))

    @cached_property
    def _notes(self) -> Notes:
        return Notes(self.path / MIRROR_FOLDER / _NOTES)

    def _look(self, place: str) -> StoredFile:
        stat = (self.path / place).stat()
        return StoredFile(place, stat.st_size, stat.st_mtime_ns)

    def _list_here(self, place: str) -> Iterator[StoredFile]:
        path = self.path / place
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            found = file.relative_to(self.path).as_posix()
            if file.is_file() and travels(found):
                yield self._look(found)

    def _is_news(self, file: StoredFile, note: Note | None) -> bool:
        if not (self.path / file.place).is_file():
            return True
        if is_immutable(file.place):
            return False
        return note is None or (file.size, file.mtime) != (note.size, note.there)

    def _is_unsent(self, ours: StoredFile, theirs: StoredFile | None, note: Note | None) -> bool:
        if theirs is None or theirs.size != ours.size:
            return True
        if is_immutable(ours.place):
            return False
        return note != Note(ours.size, ours.mtime, theirs.mtime)

    def _is_gone(self, place: str, pushed: Iterable[str]) -> bool:
        """Whether a file's absence here means that it is no more: not where a whole folder was never fetched."""
        if folder_of(place).is_shared or place in pushed:
            return False
        return (self.path / top_of(place)).is_dir()

    def _stands(self, place: str, note: Note) -> bool:
        """Whether a file is here as it last travelled."""
        if not (self.path / place).is_file():
            return False
        ours = self._look(place)
        return (ours.size, ours.mtime) == (note.size, note.here)

    def _fetch(self, file: StoredFile) -> Mapping[str, Note]:
        is_final = is_immutable(file.place)
        path = self.path / file.place
        try:
            self.store.read(file, path, may_change=not is_final)
        except FileNotFoundError as error:
            if error.filename == str(path):  # the copy's folder, not the object
                raise
            return {}  # taken away since it was listed
        return {} if is_final else {file.place: Note(file.size, self._look(file.place).mtime, file.mtime)}

    def _send(self, file: StoredFile) -> Mapping[str, Note]:
        self.store.write(file.place, self.path / file.place)
        if is_immutable(file.place):
            return {}
        there = self.store.look_up(file.place)
        return {} if there is None else {file.place: Note(file.size, file.mtime, there.mtime)}

    def _carry(self, name: str, files: list[StoredFile], carry: Callable[[StoredFile], Mapping[str, Note]]) -> int:
        """Carry files, several at once, and then the marks among them, one by one in their order."""
        marks = [mark for top in sorted({top_of(file.place) for file in files}) for mark in marks_of(top)]
        ordinary = [file for file in files if not is_mark(file.place)]
        last = sorted((file for file in files if is_mark(file.place)), key=lambda file: marks.index(file.place))
        with self.progress.task(name, sum(file.size for file in files), BYTES) as task:
            noted: dict[str, Note | None] = {}
            due = time.monotonic() + _NOTE_SECONDS
            try:
                for file, notes in itertools.chain(_at_once(carry, ordinary), ((mark, carry(mark)) for mark in last)):
                    noted.update(notes)
                    task.advance(file.size)
                    if time.monotonic() >= due:
                        self._notes.update(noted)
                        due = time.monotonic() + _NOTE_SECONDS
            finally:
                self._notes.update(noted)
        return len(files)


def _at_once(
    carry: Callable[[StoredFile], Mapping[str, Note]], files: list[StoredFile]
) -> Iterator[tuple[StoredFile, Mapping[str, Note]]]:
    """Carry files in threads; after an error nothing more is begun."""
    if not files:
        return
    pool = ThreadPoolExecutor(min(_THREADS, len(files)), thread_name_prefix="storage")
    try:
        doing = {pool.submit(carry, file): file for file in files}
        for done in as_completed(doing):
            yield doing[done], done.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _broken_marks(due: Iterable[str], gone: Iterable[str]) -> Iterator[str]:
    """Marks that do not hold while these files change, in the order in which they are taken away."""
    for top in sorted({top_of(place) for place in (*gone, *(place for place in due if not is_mark(place)))}):
        yield from reversed(marks_of(top))


def _is_below(place: str, folders: Iterable[str]) -> bool:
    return any(place == folder or place.startswith(f"{folder}/") for folder in folders)

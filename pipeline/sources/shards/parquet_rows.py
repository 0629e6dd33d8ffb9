"""Images in the rows of one Parquet file: listing them, and reading single ones.

A column holds structs of ``bytes`` and ``path`` (the ``Image`` feature of ``datasets``), or bytes alone beside columns
with names. Row groups can be as large as the file, so they are decoded page by page, some rows at a time. A page is
what must be held whole, packed and unpacked: pyarrow puts up to 1,024 rows into one, 90 MB of ImageNet's pictures.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.lines import printable
from pipeline.sources.base import Batch, Container
from pipeline.sources.entries import identify, is_utf8, reject, unreadable
from pipeline.sources.probe import HEAD_BYTES, Header, probe
from pipeline.sources.shards.rows import BATCH_SECONDS, Offer, Row, refer, rows_to_table
from pipeline.sources.shards.samples import split_name
from schemas.errors import SourceError
from schemas.image import ImageRef
from schemas.rejection import Rejection, RejectReason

NAME_COLUMNS = ("path", "filename", "file_name", "image_id", "id", "__key__")
"""Columns that can name an image, in this order, where the struct's ``path`` does not."""

DATA_COLUMNS = ("image", "jpg", "jpeg", "webp", "png", "bytes", "image_bytes")
"""Columns of bytes that are preferred when there are several."""

_MEMORY = 16 * 2**20
"""Bytes that are decoded at once, by the file's own account of its mean row."""
_MAX_ROWS = 1024
_BATCH_ROWS = 16_384
_BUFFER = 2**20
"""Bytes of a column that are read at once: Arrow's default is all of a row group."""
_FAR_BUFFER = 16 * 2**20
"""The same where every read is a request to another machine."""

# What Arrow is known to raise on damaged files. Its own complaints about bytes are an OSError without a number.
_DAMAGED = (OSError, pa.ArrowException, UnicodeDecodeError)

Open = Callable[[str], Any]
"""Gives what pyarrow can open of a container: a path, or a file object."""


class Columns(NamedTuple):
    """Where a file holds its images and their names."""

    data: str
    is_struct: bool
    names: tuple[str, ...]


def find_images(schema: pa.Schema) -> Columns | None:
    """Find the column of images and those that name them; ``None`` when there are no images."""
    names = tuple(name for name in NAME_COLUMNS if name in schema.names and _is_text(schema.field(name).type))
    for field in schema:
        kind = field.type
        if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0 and _is_binary(kind.field("bytes").type):
            return Columns(field.name, is_struct=True, names=names)
    binary = [field.name for field in schema if _is_binary(field.type)]
    data = next((name for name in DATA_COLUMNS if name in binary), binary[0] if binary else None)
    return Columns(data, is_struct=False, names=names) if data is not None else None


def count_rows(source: Open, container: str) -> int:
    """Rows of a file; one where it cannot be opened, so that it is scanned, which says why."""
    try:
        with _open(source, container) as file:
            return int(file.metadata.num_rows)
    except _DAMAGED:
        return 1


def scan_rows(
    source: Open, container: Container, start: int, *, dimensions: bool, offer: Offer | None = None
) -> Iterator[Batch]:
    """List the images of one file from a row on. The last batch's position is the container's end.

    Raises:
        SourceError: the file cannot be read.
    """
    listing = _Listing(container.name, dimensions=dimensions, offer=offer)
    row = start
    due = time.monotonic() + BATCH_SECONDS
    try:
        with _open(source, container.name) as file:
            columns = find_images(file.schema_arrow)
            if columns is None:
                held = ", ".join(file.schema_arrow.names)
                listing.reject(RejectReason.NOT_AN_IMAGE_ID, f"no column of images among {held}")
                yield listing.cut(container.end)
                return
            for first, part in _iterate(file, columns, row):
                listing.add(first, part, columns)
                row = first + part.num_rows
                if time.monotonic() >= due or listing.entries >= _BATCH_ROWS:
                    yield listing.cut(row)
                    due = time.monotonic() + BATCH_SECONDS
    except _DAMAGED as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise unreadable(Path(error.filename or container.name), error) from error
        listing.reject(RejectReason.ARCHIVE_DAMAGED, f"row {row} and all after it cannot be read: {_first_line(error)}")
    yield listing.cut(container.end)


class RowReader:
    """Reads single images, from any thread; goes on where the last one was.

    A row's neighbours in its row group are decoded with it: rows asked for in their order cost one pass over the file.
    """

    def __init__(self, source: Open) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._cursor: _Cursor | None = None

    def __reduce__(self) -> tuple[type[RowReader], tuple[Open]]:
        """Pickle no open file."""
        return RowReader, (self._source,)

    def read(self, ref: ImageRef) -> bytes:
        """One row's image.

        Raises:
            SourceError: the file is gone, unreadable, or holds something else there.
        """
        with self._lock:
            try:
                if self._cursor is None or self._cursor.container != ref.container:
                    self._cursor = _Cursor(self._source, ref.container)
                data = self._cursor.read(ref.offset)
            except _DAMAGED as error:
                self._cursor = None
                raise SourceError(
                    f"{printable(ref.container)}: {ref.image_id} in row {ref.offset} cannot be read "
                    f"({_first_line(error)})",
                    "restore it, or index again",
                ) from error
        if data is None or len(data) != ref.size:
            raise SourceError(
                f"{printable(ref.container)} holds no image of {ref.size} bytes in row {ref.offset} any more, "
                f"where {ref.image_id} was",
                "restore it, or index again",
            )
        return data


class _Cursor:
    """An open file, and some neighbouring rows of it."""

    def __init__(self, source: Open, container: str) -> None:
        self.container = container
        self._file = _open(source, container)
        columns = find_images(self._file.schema_arrow)
        self._columns = columns._replace(names=()) if columns else None
        self._groups = _row_groups(self._file)
        self._group = -1
        self._parts: Iterator[tuple[int, pa.RecordBatch]] = iter(())
        self._first = 0
        self._rows = pa.array([], pa.binary())

    def read(self, row: int) -> bytes | None:
        if self._columns is None:
            return None
        group = next((number for number, (first, end) in enumerate(self._groups) if first <= row < end), None)
        if group is None:
            return None
        if group != self._group or row < self._first:
            self._group = group
            self._first, self._rows = self._groups[group][0], self._rows[:0]
            self._parts = _iterate(self._file, self._columns, self._first)
        while row >= self._first + len(self._rows):
            self._first, part = next(self._parts)
            self._rows = _split(part, self._columns)[0]
        data: bytes | None = self._rows[row - self._first].as_py()
        return data


class _Listing:
    """What was found since the last batch."""

    def __init__(self, container: str, *, dimensions: bool, offer: Offer | None) -> None:
        self._container = container
        self._is_named = is_utf8(container)
        self._dimensions = dimensions
        self._offer = offer
        self._rows: list[Row] = []
        self._rejections: list[Rejection] = []

    @property
    def entries(self) -> int:
        return len(self._rows) + len(self._rejections)

    def cut(self, position: int) -> Batch:
        """Make a batch of it, and begin anew."""
        batch = Batch(rows_to_table(self._rows), self._rejections, 0, position)
        self._rows, self._rejections = [], []
        return batch

    def reject(self, reason: RejectReason, detail: str) -> None:
        self._rejections.append(reject(reason, f"{self._container}: {detail}"))

    def add(self, first: int, part: pa.RecordBatch, columns: Columns) -> None:
        """Judge some rows."""
        data, names = _split(part, columns)
        sizes = pc.binary_length(data).to_pylist()
        heads = pc.binary_slice(data, 0, HEAD_BYTES).to_pylist() if self._dimensions else [None] * len(data)
        texts = [name.to_pylist() for name in names]
        for number, (size, head) in enumerate(zip(sizes, heads, strict=True)):
            named = [text[number] for text in texts if text[number] is not None]
            identity = next(filter(None, map(_identify, named)), None) if self._is_named else None
            where = f"row {first + number}" + (f" ({_text(named[0])})" if named else "")
            if size is None:
                self.reject(RejectReason.NOT_A_REGULAR_FILE, f"{where}: holds no bytes")
            elif identity is None:
                self.reject(RejectReason.NOT_AN_IMAGE_ID, where)
            else:
                header = None if head is None else _look(head, data, number)
                self._take((*identity, self._container, first + number, size), header, data, number)

    def _take(self, place: tuple[str, str, str, int, int], header: Header | None, data: pa.Array, number: int) -> None:
        width, height, kind = (header.width, header.height, header.format) if header else (None, None, None)
        self._rows.append((*place, width, height, kind))
        if self._offer is not None:
            self._offer(refer(*place), data[number].as_py())


def _open(source: Open, container: str) -> pq.ParquetFile:
    opened = source(container)
    buffer = _BUFFER if isinstance(opened, Path) else _FAR_BUFFER
    return pq.ParquetFile(opened, buffer_size=buffer, pre_buffer=False)


def _row_groups(file: pq.ParquetFile) -> list[tuple[int, int]]:
    """First row and end of each."""
    groups = []
    end = 0
    for number in range(file.metadata.num_row_groups):
        first, end = end, end + file.metadata.row_group(number).num_rows
        groups.append((first, end))
    return groups


def _iterate(file: pq.ParquetFile, columns: Columns, start: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Rows from ``start`` on, some at a time, each time with the number of the first.

    Raises:
        ArrowInvalid: a row group holds fewer rows than it says, which pyarrow does not mind.
    """
    wanted = [columns.data, *columns.names]
    for number, (first, end) in enumerate(_row_groups(file)):
        if end <= start:
            continue
        size = file.metadata.row_group(number).total_byte_size
        rows = min(max(_MEMORY * (end - first) // max(size, 1), 1), _MAX_ROWS)
        position = first
        for part in file.iter_batches(rows, row_groups=[number], columns=wanted, use_threads=False):
            passed = max(0, start - position)
            if passed < part.num_rows:
                yield position + passed, part.slice(passed)
            position += part.num_rows
        if position != end:
            raise pa.ArrowInvalid(f"row group {number} holds {position - first} rows instead of {end - first}")


def _split(part: pa.RecordBatch, columns: Columns) -> tuple[pa.Array, list[pa.Array]]:
    """The images, and all that could name them, as bytes."""
    data = part.column(columns.data)
    names = [part.column(name) for name in columns.names]
    if columns.is_struct:
        kind = data.type
        if (at := kind.get_field_index("path")) >= 0 and _is_text(kind[at].type):
            names.insert(0, pc.struct_field(data, "path"))
        data = pc.struct_field(data, "bytes")
    return data.cast(pa.large_binary()), [name.cast(pa.large_binary()) for name in names]


def _identify(name: bytes) -> tuple[str, str] | None:
    """Whatever the suffix is, since the column says that it is an image."""
    return identify(f"{split_name(_text(name))[0]}.jpg")


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _look(head: bytes, data: pa.Array, number: int) -> Header | None:
    return probe(head, lambda offset, length: data[number].as_py()[offset : offset + length])


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _first_line(error: Exception) -> str:
    return printable((str(error).splitlines() or [type(error).__name__])[0])

"""Listing a WebDataset shard, member by member: whoever reads it need only go forward."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.sources.archives.headers import Damage, Fetch, HeaderReader, Step
from pipeline.sources.base import Batch
from pipeline.sources.entries import IMAGE_SUFFIXES, is_unsafe
from pipeline.sources.probe import HEAD_BYTES, Header, probe
from pipeline.sources.shards.rows import BATCH_SECONDS, Offer
from pipeline.sources.shards.samples import MAX_MEMBERS, Image, Listing, Sample, split_name

SCANNER = "webdataset-1"
"""Raised whenever the same shard would be listed differently; part of every container's key."""

MAX_SIDECAR = 2**20
"""Bytes of a sidecar that is read. Real ones have a hundred."""

MAX_HELD = 32 * 2**20
"""Bytes of a sample's images that are held until it is complete; larger ones are listed, and fetched when wanted."""

_Place = tuple[str, int, int]
"""A member's name, and where in the shard its data lie: offset and size, in bytes."""


@dataclass(frozen=True, slots=True)
class Shard:
    """How a shard is listed."""

    container: str
    """What references call it."""
    end: int
    """Its size in bytes."""
    dimensions: bool
    """Whether images' first bytes are looked at."""
    offer: Offer | None = None
    """Gets every image, whole."""


def scan_shard(fetch: Fetch, shard: Shard, start: int) -> Iterator[Batch]:
    """List a shard from a sample's beginning on. The last batch's position is the shard's end.

    Raises:
        OSError: the file cannot be read.
    """
    listing = Listing(shard.container, shard.offer)
    headers = _Headers(HeaderReader(fetch, shard.end))
    position: int | None = start
    due = time.monotonic() + BATCH_SECONDS
    while position is not None:
        position = _read_sample(headers, fetch, shard, listing, position)
        # behind a header that holds for all members after it, a shard cannot be entered in its middle
        if position is not None and listing.is_full(due) and not headers.hold_for_all:
            yield listing.cut(position)
            due = time.monotonic() + BATCH_SECONDS
    yield listing.cut(shard.end)


class _Headers:
    """Reads headers one by one, and keeps the last: a sample is known to be complete by the next one's first header.

    A long name stands in blocks before its header, and a stream cannot go back to them.
    """

    def __init__(self, headers: HeaderReader) -> None:
        self._headers = headers
        self._position: int | None = None
        self._last: Step | Damage | None = None

    @property
    def hold_for_all(self) -> bool:
        """Whether one was met that holds for all members after it."""
        return bool(self._headers.pax_headers)

    def read(self, position: int) -> Step | Damage | None:
        """What stands at a position; ``None`` at the archive's proper end."""
        if position != self._position:
            self._position, self._last = position, self._headers.read(position)
        return self._last


def _read_sample(headers: _Headers, fetch: Fetch, shard: Shard, listing: Listing, position: int) -> int | None:
    """List one sample, or one member that belongs to none.

    Returns:
        Where the next one's first header is; ``None`` at the archive's end.
    """
    sample: Sample | None = None
    while found := headers.read(position):
        if isinstance(found, Damage):
            break
        member = found.member
        key, suffix = split_name(member.name)
        if sample is not None and (key != sample.key or sample.members >= MAX_MEMBERS):
            listing.finish(sample)
            return position
        position = found.following
        if member.kind == "file" and not is_unsafe(member.name):
            sample = sample or Sample(key)
            _add(sample, (member.name, member.offset, member.size), suffix, fetch, shard)
            continue
        if member.kind != "folder" or is_unsafe(member.name):
            listing.reject_odd(member)
        if sample is None:
            return position
        sample.members += 1
    if sample is not None:
        listing.finish(sample)
    if isinstance(found, Damage):
        listing.reject_damage(found)
    return None


def _add(sample: Sample, place: _Place, suffix: str, fetch: Fetch, shard: Shard) -> None:
    name, offset, size = place
    sample.members += 1
    if suffix not in IMAGE_SUFFIXES:
        sample.sidecars.append(name)
        if suffix == "json" and sample.facts is None and size <= MAX_SIDECAR:
            sample.facts = fetch(size, offset)
        return
    data: bytes | None = None
    if shard.offer is not None and sample.held + size <= MAX_HELD:
        data = fetch(size, offset)
        sample.held += len(data)
    header = _look(offset, size, data, fetch) if shard.dimensions else None
    sample.images.append(Image(name, offset, size, header, data))


def _look(offset: int, size: int, data: bytes | None, fetch: Fetch) -> Header | None:
    if data is not None:
        return probe(data[:HEAD_BYTES], lambda begin, length: data[begin : begin + length])

    def read(begin: int, length: int) -> bytes:
        return fetch(max(0, min(length, size - begin)), offset + begin)

    return probe(read(0, HEAD_BYTES), read)

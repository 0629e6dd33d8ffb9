"""Images of a stream, kept on disk as they pass: of each class those that the draw comes to first.

The store is a folder of parts: ``part-N.tar``, a plain tar of images, and ``part-N.listing``, what it holds and where.
Both are written once, synced and renamed, the listing last: a part without one does not count, and goes when a writer
comes next. One process writes at a time, any number read.

Disk: what is kept of a class whose ``n`` images come interleaved with others' was at its time among the ``k`` with the
smallest ranks, of which there are k (1 + ln(n/k)) on average; images that wait in memory and lose their place meanwhile
are never written, so a class that comes in one piece costs k images. Memory of the writer: k ranks per class (about 50
bytes each), and :data:`MAX_WAITING`. Memory of a reader: 62 bytes per image on disk, and three times as many while it
opens the store.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable
from itertools import islice

from pipeline.sources.keeping import Keep
from pipeline.sources.streams.kept_parts import KeptImage, PartListing, key_of
from schemas.identity import rank
from schemas.image import ImageRef

MAX_WAITING = 256 * 2**20
"""Bytes of images that wait in memory, at most; and so of a part."""

_LOOKUP_BATCH = 65_536


class CandidateStore:
    """The images that :class:`Keep` describes, and any others that are put in.

    Images are known by where they lie in the source. Nothing that is asked to be kept is safe before :meth:`flush`.
    """

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._listing = PartListing(keep.directory)
        self._best: defaultdict[str, list[int]] | None = None  # heaps of negative ranks: the worst on top
        self._offered: dict[int, KeptImage] = {}  # by rank
        self._put: dict[int, KeptImage] = {}  # by key
        self._waiting = 0

    def __reduce__(self) -> tuple[type[CandidateStore], tuple[Keep]]:
        """Pickle what to keep alone."""
        return CandidateStore, (self._keep,)

    def wants(self, image_id: str, wnid: str) -> bool:
        """Whether an image is among the best of its class so far."""
        if wnid not in self._keep.wanted or (self._keep.ids is not None and image_id not in self._keep.ids):
            return False
        best, order = self._ranks()[wnid], rank(self._keep.seed, image_id)
        if len(best) >= self._keep.per_class and order >= -best[0]:
            return False
        return -order not in best  # another image with this id came first, or this very one before a restart

    def offer(self, ref: ImageRef, data: bytes) -> None:
        """Keep an image if it is among the best of its class so far.

        Raises:
            OSError: the store cannot be written.
        """
        if not self.wants(ref.image_id, ref.wnid):
            return
        best, order = self._ranks()[ref.wnid], rank(self._keep.seed, ref.image_id)
        if len(best) < self._keep.per_class:
            heapq.heappush(best, -order)
        else:
            loser = self._offered.pop(-heapq.heapreplace(best, -order), None)
            self._waiting -= len(loser.data) if loser else 0
        self._offered[order] = KeptImage(ref, data)
        self._take(data)

    def put(self, ref: ImageRef, data: bytes) -> None:
        """Keep an image that is missing, whatever its rank.

        Raises:
            OSError: the store cannot be written.
        """
        self._put[key_of(ref)] = KeptImage(ref, data)
        self._take(data)

    def flush(self) -> None:
        """Make durable what was offered and put.

        Raises:
            OSError: the store cannot be written.
        """
        waiting = [*self._offered.values(), *self._put.values()]
        if waiting:
            self._listing.write(waiting)
        self._offered, self._put, self._waiting = {}, {}, 0

    def clear(self) -> None:
        """Forget everything.

        Raises:
            SourceError: the store cannot be written.
        """
        self._listing.clear()
        self._best, self._offered, self._put, self._waiting = None, {}, {}, 0

    def missing(self, refs: Iterable[ImageRef]) -> list[ImageRef]:
        """Those images that the store does not hold, in the given order.

        Raises:
            SourceError: the store cannot be read.
        """
        self._listing.refresh()
        refs = iter(refs)
        missing: list[ImageRef] = []
        while batch := list(islice(refs, _LOOKUP_BATCH)):
            missing += [ref for ref in batch if self._listing.find(ref) is None]
        return missing

    def read(self, ref: ImageRef) -> bytes | None:
        """The bytes of an image; ``None`` when the store does not hold it.

        A damaged part is forgotten: all its images are missing from then on.

        Raises:
            SourceError: the store is damaged there, or cannot be read.
        """
        found = self._listing.find(ref)
        if found is None and self._listing.refresh():  # it may have been put since, or by another process
            found = self._listing.find(ref)
        return None if found is None else self._listing.read(found, ref)

    def _ranks(self) -> defaultdict[str, list[int]]:
        """The ranks of what is kept, by class; after a restart, of what lies on disk.

        Whatever is among the best of all was among the best when it came, so what lies on disk has all of them.
        """
        if self._best is None:
            self._listing.refresh()
            self._best = defaultdict(list)
            for image_id in self._listing.image_ids():
                best, order = self._best[image_id[:9]], rank(self._keep.seed, image_id)
                if len(best) < self._keep.per_class:
                    heapq.heappush(best, -order)
                else:
                    heapq.heappushpop(best, -order)
        return self._best

    def _take(self, data: bytes) -> None:
        self._waiting += len(data)
        if self._waiting >= MAX_WAITING:
            self.flush()

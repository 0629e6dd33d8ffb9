"""One teacher's images that are still to be asked, and which run has which of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pipeline.dispatch.chunks import beginning_file, chunk_file, read_chunk, read_failures, write_chunk
from pipeline.dispatch.holding import Holding
from pipeline.dispatch.pool import PoolRun
from pipeline.dispatch.quarantine import write_quarantine
from pipeline.dispatch.sizing import Pace
from pipeline.generation.results import Standing
from pipeline.generation.setup import TeacherSetup
from pipeline.generation.view import LedgerView, NewPart
from schemas.chunk import ChunkImage

SUSPECTS_TOGETHER = (256, 32, 4, 1)
"""Images in a chunk of those that one, two, ... runs broke off on: an image that kills engines is found as by halving,
but sooner. Whoever is alone at last and breaks that run, too, is given up."""


class Backlog:
    """What is pending, kept up from the ledger.

    Args:
        setup: the teacher.
        image_ids: the whole selection, in the order of the draw.
        ledger: the ledger's root.
        chunks: where chunks are written down.
        max_attempts: after which an image is settled without a valid pair.
        told: images a minute of one worker, until the ledger tells; ``None`` where nobody measured them.
    """

    def __init__(
        self,
        setup: TeacherSetup,
        image_ids: Iterable[str],
        ledger: Path,
        chunks: Path,
        *,
        max_attempts: int,
        told: float | None = None,
    ) -> None:
        self.setup = setup
        self.pace = Pace(told)
        self.held: dict[str, Holding] = {}
        self._ledger = ledger
        self._chunks = chunks
        self._max_attempts = max_attempts
        self._view = LedgerView(setup, ledger)
        self._failures: dict[str, int] = {}
        for image_id, failures in read_failures(chunks, setup.name):
            self._failures[image_id] = max(failures, self._failures.get(image_id, 0))
        self.pending = set(image_ids)
        self._holder: dict[str, str] = {}
        self._free: list[deque[str]] = [deque() for _ in range(1 + len(SUSPECTS_TOGETHER))]
        self.put_back(image_ids)

    @property
    def name(self) -> str:
        """The teacher's name."""
        return self.setup.name

    @property
    def minutes_left(self) -> float:
        """How long one worker would take for everything that is pending."""
        return len(self.pending) / self.pace.images_per_minute

    @property
    def minutes_free(self) -> float:
        """The same for what no run has."""
        return (len(self.pending) - len(self._holder)) / self.pace.images_per_minute

    def refresh(self, now: float) -> int:
        """Read what is new in the ledger.

        Returns:
            How many images it settled.
        """
        return sum(self._note(part, now) for part in self._view.refresh())

    def adopt(self, run: PoolRun, now: float) -> bool:
        """Take over a run that somebody else submitted, this build's earlier parent.

        Returns:
            Whether there is such a chunk.
        """
        path = chunk_file(self._chunks, self.name, run.chunk)
        if not path.exists():
            return False
        self.hold(run, [image.image_id for image in read_chunk(path)], now)
        return True

    def cut(self, size: int) -> tuple[str, list[str]] | None:
        """Cut the next chunk and write it down: images that never broke a run first, suspects in small company later.

        Args:
            size: images at most.

        Returns:
            Its key and images, or ``None`` when nothing is free.
        """
        for company, free in zip((size, *SUSPECTS_TOGETHER), self._free, strict=True):
            images = list(dict.fromkeys(self._take(free, min(size, company))))  # what was put back may stand twice
            if images:
                return write_chunk(self._chunks, self.name, [self._row(image_id) for image_id in images]), images
        return None

    def hold(self, run: PoolRun, image_ids: Sequence[str], now: float) -> None:
        """Note that a run has these images."""
        left = self.pending.intersection(image_ids)
        self.held[run.chunk] = Holding(run, image_ids, left, since=now, heard=now)
        self._holder.update(dict.fromkeys(left, run.chunk))

    def release(self, holding: Holding) -> list[Path]:
        """Take back what a run left; what it may have broken off on counts a failure more.

        Returns:
            Parts of the ledger in which images were given up.
        """
        del self.held[holding.run.chunk]
        for image_id in holding.left:
            self._holder.pop(image_id, None)
        if holding.has_failed and beginning_file(self._chunks, self.name, holding.run.chunk).exists():
            for image_id in holding.suspects():
                self._failures[image_id] = self._failures.get(image_id, 0) + 1
        lost = [image_id for image_id in holding.left if self._failures.get(image_id, 0) > len(SUSPECTS_TOGETHER)]
        given_up = set(lost)
        self.put_back(image_id for image_id in holding.images if image_id in holding.left and image_id not in given_up)
        return self._give_up(lost)

    def _note(self, part: NewPart, now: float) -> int:
        chunk = part.name.chunk if part.name is not None else None
        holding = self.held.get(chunk) if chunk is not None else None
        if holding is not None:
            holding.heard = now
            holding.touched |= part.images
        settled = [image_id for image_id in part.images & self.pending if not self._is_pending(image_id)]
        for image_id in settled:
            self.pending.discard(image_id)
            holder = self._holder.pop(image_id, None)
            if holder is not None:
                self.held[holder].left.discard(image_id)
        self.pace.note(part, len(settled))
        return len(settled)

    def _is_pending(self, image_id: str) -> bool:
        standing = self._view.standings.get(image_id)
        return standing is None or standing.is_pending(self._max_attempts)

    def put_back(self, image_ids: Iterable[str]) -> None:
        """Let these images be cut again."""
        for image_id in image_ids:
            self._free[min(self._failures.get(image_id, 0), len(SUSPECTS_TOGETHER))].append(image_id)

    def _take(self, free: deque[str], count: int) -> Iterator[str]:
        """Images that are pending and that nobody has: others may have settled or taken them since."""
        while count and free:
            image_id = free.popleft()
            if image_id in self.pending and image_id not in self._holder:
                count -= 1
                yield image_id

    def _row(self, image_id: str) -> ChunkImage:
        standing = self._view.standings.get(image_id, Standing())
        return ChunkImage(
            image_id=image_id,
            last_attempt=standing.last_attempt,
            spent=standing.spent,
            status=standing.status,
            failures=self._failures.get(image_id, 0),
        )

    def _give_up(self, image_ids: Sequence[str]) -> list[Path]:
        standings = {image_id: self._view.standings.get(image_id, Standing()) for image_id in image_ids}
        return write_quarantine(self.setup, self._ledger, standings, 1 + len(SUSPECTS_TOGETHER))

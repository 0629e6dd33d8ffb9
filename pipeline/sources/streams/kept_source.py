"""What all sources have in common of which only the images that were kept can be read."""

from __future__ import annotations

from pathlib import Path

from pipeline.sources.streams.candidates import CandidateStore
from schemas.errors import SourceError
from schemas.image import ImageRef


class KeptSource:
    """A source that can only be streamed.

    Args:
        place: what it is called in messages.
        store: what was kept of it; ``None`` where there is no place to keep anything.
    """

    is_stream = True

    def __init__(self, place: str, store: CandidateStore | None) -> None:
        self._place = place
        self._store = store

    def read(self, ref: ImageRef) -> bytes:
        """One image out of those that were kept or fetched.

        Raises:
            SourceError: it was neither.
        """
        data = self._candidates().read(ref)
        if data is None:
            raise SourceError(
                f"{ref.image_id} is not among the images that were kept of {self._place}",
                "run the same command again, which fetches what is missing",
            )
        return data

    def file_of(self, ref: ImageRef) -> Path | None:  # noqa: ARG002 - the protocol's
        """None: every image is a part of something larger."""
        return None

    def _candidates(self) -> CandidateStore:
        if self._store is None:
            raise SourceError(
                f"{self._place} can only be read in order, and there is no place to keep its images",
                "use a run directory",
            )
        return self._store

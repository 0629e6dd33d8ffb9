"""A chunk at work: what one run of a larger plan is to ask, and where its images stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.files import write_atomic
from pipeline.generation.results import Standing
from pipeline.generation.setup import TeacherSetup, read_results
from schemas.chunk import ChunkImage


@dataclass(frozen=True, slots=True)
class AskedChunk:
    """A chunk as its run sees it.

    Args:
        key: what the ledger's parts and the pool's runs call it.
        images: its rows.
        beginning: the file whose presence says that some run of this chunk came as far as asking.
    """

    key: str
    images: Sequence[ChunkImage]
    beginning: Path

    def standings_now(self, setup: TeacherSetup, ledger: Path) -> dict[str, Standing]:
        """Where each image stands: as the plan says, and what earlier runs of this chunk wrote since.

        The rest of the ledger, which may be large, says nothing of these images: nobody else is given them meanwhile.
        """
        standings = {image.image_id: Standing(image.last_attempt, image.spent, image.status) for image in self.images}
        results = read_results(setup, ledger, self.key)
        if results is not None:
            for part in results.parts():
                results.tally(part, standings)
        return standings

    def note_beginning(self, landed: Callable[[Path], None]) -> None:
        """Leave word that an engine runs and is about to be asked.

        What breaks off from here on may be an image's fault; what broke off before was not.
        """
        write_atomic(self.beginning, b"")
        landed(self.beginning)

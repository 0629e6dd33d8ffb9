"""A chunk that was handed to a run, until it is known what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pipeline.dispatch.pool import ENDED, PoolRun, RunState

WIDEST_WINDOW = 1024
"""Images that a run may have been asking about when it broke off, at most: twice what engines keep in flight."""


@dataclass(slots=True)
class Holding:
    """A chunk and its run.

    Args:
        run: as it was last seen.
        images: the chunk's, in the order in which they are asked.
        left: those that are not settled yet.
        since: when the run was first seen in its state.
        heard: when something of it was last seen: its submission, its states, parts of the ledger.
    """

    run: PoolRun
    images: Sequence[str]
    left: set[str]
    since: float
    heard: float
    touched: set[str] = field(default_factory=set)
    """Images that it wrote rows of."""

    @property
    def has_ended(self) -> bool:
        """Whether the pool says that the run is over."""
        return self.run.state in ENDED

    def see(self, run: PoolRun, now: float) -> None:
        """Note what the pool says of the run."""
        if run.state is not self.run.state:
            self.since = self.heard = now
        self.run = run

    def is_over(self, now: float, settle_seconds: float) -> bool:
        """Whether nothing more will come of it: the run has ended, and its last parts had their time to be seen.

        A run that goes on writing is not over, whatever its state: states have been wrong, the ledger never.
        """
        return self.has_ended and (not self.left or now - self.heard >= settle_seconds)

    def suspects(self) -> Iterator[str]:
        """Images that a run which broke off may have been asking about, in order."""
        # what was settled before this parent came was asked as well
        done = (number for number, each in enumerate(self.images) if each in self.touched or each not in self.left)
        for image_id in self.images[: max(done, default=-1) + 1 + WIDEST_WINDOW]:
            if image_id in self.left:
                yield image_id

    @property
    def has_failed(self) -> bool:
        """Whether the run broke off by itself."""
        return self.run.state is RunState.FAILED

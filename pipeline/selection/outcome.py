"""What a draw means for each class and image: how many were met, and what each drawn image stands for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.selection.candidates import Census
from pipeline.selection.rounds import Drawing, Settled
from pipeline.selection.turns import share_out
from pipeline.selection.windows import STRATA, UNUSABLE
from pipeline.taxonomy import Taxonomy
from schemas.selection import ClassOutcome

UNKNOWN_DOMAIN = "unknown"
"""Of wnids that are not in the taxonomy."""

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pools:
    """Counts by class, of the candidates that the draw came to.

    ``usable`` and ``drawn`` have the shape (classes, strata); exact duplicates of drawn images are not usable.
    """

    screened: Counts
    usable: Counts
    drawn: Counts

    def weights(self, sizes: Counts, classes: Counts, strata: Counts) -> npt.NDArray[np.float64]:
        """Inclusion weights of drawn images: how many images of its class and stratum each stands for.

        The class's size, times the share of usable ones, times the stratum's share among these, divided by the images
        drawn of class and stratum. Screened are the first by rank, up to the last usable image that was wanted. Where
        that is not the whole class, the share of usable ones is estimated without the last (Haldane, "On a method of
        estimating frequencies", Biometrika 33, 1945), since stopping at a usable one makes them too many; a single
        usable one has to count all the same.

        Args:
            sizes: images of each class in the source.
            classes: of each drawn image.
            strata: of each drawn image.
        """
        all_usable = self.usable.sum(axis=1)
        last = (self.screened < sizes) & (all_usable > 1)
        estimates = sizes * (all_usable - last) / np.maximum(self.screened - last, 1)
        shares = self.usable[classes, strata] / all_usable[classes]
        weights: npt.NDArray[np.float64] = estimates[classes] * shares / self.drawn[classes, strata]
        return weights


def count_pools(drawing: Drawing, settled: Settled) -> Pools:
    """Count what the draw came to."""
    candidates, draw = drawing.candidates, settled.draw
    classes = len(candidates.wnids)
    screened = np.array(draw.reached, np.int64) - np.array(candidates.starts[:-1], np.int64)
    usable = np.zeros((classes, STRATA), np.int64)
    for number in np.flatnonzero(screened).tolist():
        pool = settled.states[candidates.starts[number] : draw.reached[number]]
        usable[number] = np.bincount(pool, minlength=UNUSABLE + 1)[:STRATA]
    drawn = np.zeros_like(usable)
    twins = np.array(list(draw.twins), np.int64)
    np.add.at(drawn, (candidates.classes_at(settled.positions), settled.states[settled.positions]), 1)
    np.add.at(usable, (candidates.classes_at(twins), settled.states[twins]), -1)
    return Pools(screened, usable, drawn)


def class_outcomes(census: Census, drawing: Drawing, pools: Pools, taxonomy: Taxonomy) -> Iterator[ClassOutcome]:
    """What became of every class that the source holds, wnids ascending."""
    candidates = census.candidates
    quotas = share_out(drawing.turns(), candidates.sizes(), drawing.config.selection.images)
    numbers = {wnid: number for number, wnid in enumerate(candidates.wnids)}
    usable, drawn = pools.usable.sum(axis=1).tolist(), pools.drawn.sum(axis=1).tolist()
    screened = pools.screened.tolist()
    for wnid, indexed in census.indexed.items():
        unwanted = wnid in census.reasons
        number = numbers.get(wnid, -1)
        yield ClassOutcome(
            wnid=wnid,
            domain=domain_of(taxonomy, wnid),
            depth=taxonomy[wnid].depth if wnid in taxonomy else 0,
            indexed=indexed,
            screened=0 if unwanted else screened[number],
            usable=0 if unwanted else usable[number],
            drawn=0 if unwanted else drawn[number],
            quota=0 if unwanted else quotas[number],
            outcome="unwanted" if unwanted else "met" if drawn[number] >= quotas[number] else "missed",
            reason=census.reasons[wnid][0] if unwanted else "",
        )


def domain_of(taxonomy: Taxonomy, wnid: str) -> str:
    """The domain of a class."""
    return taxonomy[wnid].domain if wnid in taxonomy else UNKNOWN_DOMAIN

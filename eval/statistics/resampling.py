"""Intervals by the bootstrap, drawing whole classes.

Items of one class are alike: a model that knows a class does well on all its images. Drawing items one by one would
take them for independent and give intervals that are too narrow. So a replicate draws classes, and all items of a class
come along (Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from eval.statistics.exact import Millionths, check_sum, multiply, number_clusters, sum_clusters, to_unit
from eval.statistics.stream import Stream
from schemas.scores import Interval

REPLICATES = 2000
"""An end of an interval has then a standard error of 1.5 % of the interval's width, for means that vary normally."""

CONFIDENCE = Fraction(95, 100)

_CELLS = 1_000_000
"""Draws held in memory at once: some 30 MB."""


class Resampler:
    """Bootstrap intervals of means over the same items.

    A replicate draws as many clusters as there are, with replacement; its mean is the sum over all their items divided
    by how many items these are. The interval runs between the order statistics that leave 2.5 % of the replicates at
    either side (the percentile method).

    Args:
        clusters: the cluster of each item, e.g. its class; the order of items does not matter.
        replicates: how many are drawn.
        seed: of the draws; the same one for all models, so that they are compared on the same draws.

    Raises:
        ValueError: there are no items, or fewer than one replicate.
    """

    def __init__(self, clusters: Sequence[str], replicates: int = REPLICATES, seed: int = 0) -> None:
        if not clusters or replicates < 1:
            raise ValueError("the bootstrap takes at least one item and one replicate")
        self._cluster_of, self.clusters = number_clusters(clusters)
        self._sizes = np.bincount(self._cluster_of, minlength=self.clusters).astype(np.int64)
        self._replicates = replicates
        self._seed = seed

    def intervals(self, values: Millionths) -> list[Interval]:
        """The 95 % interval of each column's mean, in units.

        With one cluster, every replicate is the sample itself: both ends are the mean, and say nothing.

        Args:
            values: scores in millionths, shape (items, columns).

        Raises:
            ValueError: the shape is another, or the sums may not fit 64 bits.
        """
        if values.ndim != 2 or len(values) != len(self._cluster_of):
            raise ValueError(f"the bootstrap is of {len(self._cluster_of):,} items, the scores have another shape")
        sums, sizes = self._resample(values)
        order = np.argsort(sums / sizes[:, None], axis=0, kind="stable")  # rounded alike everywhere, as IEEE 754 says
        beyond = max(1, int((self._replicates + 1) * (1 - CONFIDENCE) / 2))
        return [
            Interval(
                low=_ratio(sums[:, column], sizes, order[beyond - 1, column]),
                high=_ratio(sums[:, column], sizes, order[-beyond, column]),
            )
            for column in range(values.shape[1])
        ]

    def _resample(self, values: Millionths) -> tuple[Millionths, Millionths]:
        """Of every replicate, the sum of each column and the number of items."""
        clusters = sum_clusters(values, self._cluster_of, self.clusters)
        both = np.hstack([clusters, self._sizes[:, None]])
        bound = check_sum(self.clusters, both)
        drawn = np.vstack([multiply(counts, both, bound) for counts in self._draw()])
        return drawn[:, :-1], drawn[:, -1]

    def _draw(self) -> Iterator[npt.NDArray[np.float64]]:
        """How often each cluster is drawn, some replicates at a time: shape (replicates, clusters)."""
        stream = Stream(self._seed)
        at_once = max(1, _CELLS // self.clusters)
        for start in range(0, self._replicates, at_once):
            rows = min(at_once, self._replicates - start)
            drawn = stream.draw_below(self.clusters, (rows, self.clusters))
            cells = drawn + np.arange(rows, dtype=np.intp)[:, None] * self.clusters
            counts = np.bincount(cells.ravel(), minlength=rows * self.clusters)
            yield counts.reshape(rows, self.clusters).astype(np.float64)


def _ratio(sums: Millionths, sizes: Millionths, replicate: int) -> float:
    return to_unit(Fraction(int(sums[replicate]), int(sizes[replicate])))

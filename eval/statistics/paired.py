"""Whether two models differ for real: paired, by class, and corrected for how many pairs are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from eval.statistics.exact import Millionths, check_sum, mean, multiply, number_clusters, sum_clusters
from eval.statistics.resampling import Resampler
from eval.statistics.stream import Stream
from schemas.scores import Interval

FLIPS = 10_000
"""Random flips of signs; the smallest p-value that can come out is 1 / 10,001."""

SIGNIFICANCE = 0.05
"""A difference is real where its p-value, corrected for the number of pairs, is below."""

_SEED = 1
"""Of the flips: another stream than that of the intervals."""

_CELLS = 1_000_000
"""Signs held in memory at once: 8 MB."""


class Difference(NamedTuple):
    """One pair of models, the mean of the second taken from that of the first."""

    value: float
    interval: Interval
    """95 %, of this pair alone: not widened for the number of pairs."""
    p: float
    """Two-sided, of this pair alone."""


def compare_pairs(clusters: Sequence[str], differences: Millionths) -> list[Difference]:
    """Compare pairs of models on the same items.

    The interval is that of :class:`Resampler` on the items' differences. The p-value comes from a permutation test:
    were the two models alike, then in each class either could as well stand in the other's place, so the sign of the
    class's whole difference is flipped at random; p is how often the sum comes out as far from zero as it did, the
    outcome itself counted (Phipson and Smyth, Permutation p-values should never be zero, 2010).

    Args:
        clusters: the class of each item.
        differences: in millionths, shape (items, pairs).

    Returns:
        One for each pair, in order.

    Raises:
        ValueError: the shape is another, there are no items, or the sums may not fit 64 bits.
    """
    intervals = Resampler(clusters).intervals(differences)
    cluster_of, count = number_clusters(clusters)
    p_values = _flip(sum_clusters(differences, cluster_of, count))
    return [
        Difference(mean(differences[:, pair]), intervals[pair], p_values[pair]) for pair in range(differences.shape[1])
    ]


def _flip(sums: Millionths) -> list[float]:
    """Two-sided p-values of the clusters' summed differences, shape (clusters, pairs)."""
    observed = np.abs(sums.sum(axis=0))
    bound = check_sum(len(sums), sums)
    as_far = np.zeros(sums.shape[1], np.int64)
    stream = Stream(_SEED)
    at_once = max(1, _CELLS // len(sums))
    for start in range(0, FLIPS, at_once):
        signs = stream.draw_signs(min(at_once, FLIPS - start), len(sums))
        as_far += (np.abs(multiply(signs, sums, bound)) >= observed).sum(axis=0)
    return [(int(count) + 1) / (FLIPS + 1) for count in as_far]


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values so that among all of them the chance of even one false alarm stays below the level.

    Holm's step-down method (A simple sequentially rejective multiple test procedure, 1979); valid whatever the
    dependence between the tests, which pairs that share a model do have.

    Returns:
        Adjusted p-values, at most 1, in the order given.
    """
    order: npt.NDArray[np.intp] = np.argsort(np.asarray(p_values, np.float64), kind="stable")
    adjusted = [0.0] * len(p_values)
    least = 0.0
    for rank, index in enumerate(order):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = least
    return adjusted

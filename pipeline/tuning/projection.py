"""Which point to use, and what the whole run takes with it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

from pipeline.tuning.report import Interval, Point, Projection

NEARLY_BEST = 0.97
"""A rate this close to the best counts as good: less concurrency means less memory, and less to ask again after a
death."""

_DEVIATES = NormalDist().inv_cdf(0.975)
"""Standard deviations to either side that hold 95 % of a normal distribution."""


def choose_point(points: Sequence[Point]) -> Point:
    """The smallest concurrency among the points within 3 % of the best rate of accepted pairs.

    Where no pair was accepted at all, tokens count instead. Of several batch limits the fastest is taken.

    Raises:
        ValueError: there are no points.
    """

    def rate(point: Point) -> float:
        return point.pairs_per_second if any_accepted else point.tokens_per_second

    any_accepted = any(point.accepted for point in points)
    best = max(map(rate, points))
    good = [point for point in points if rate(point) >= NEARLY_BEST * best]
    return min(good, key=lambda point: (point.concurrency, -rate(point)))


def project(point: Point, images: int, gpus: int) -> Projection | None:
    """Wall time and GPU hours for all images, from the point's rate and its images' lengths.

    The sample's images are some of those that the run asks, drawn without replacement, and the run writes the tokens
    of all of them. With n sampled of N images, mean m and standard deviation s of the tokens an image costs (retries
    included), the total is N m, and its standard error is N s / sqrt(n) * sqrt(1 - n / N) (Cochran, Sampling
    Techniques, 3rd edition, 1977, theorem 2.2 and its corollaries). Both are divided by the rate in tokens/s, which is
    taken as exact.

    Returns:
        The projection, or ``None`` when nothing was written that a rate could be taken from.
    """
    if not point.tokens_per_second:
        return None
    sampled = min(point.images, images)
    total = images * point.tokens_per_image
    error = images * point.tokens_deviation / math.sqrt(sampled) * math.sqrt(1 - sampled / images)
    per_hour = point.tokens_per_second * 3600
    hours = Interval(
        estimate=total / per_hour,
        low=max(0.0, total - _DEVIATES * error) / per_hour,
        high=(total + _DEVIATES * error) / per_hour,
    )
    gpu_hours = Interval(estimate=hours.estimate * gpus, low=hours.low * gpus, high=hours.high * gpus)
    return Projection(images=images, hours=hours, gpus=gpus, gpu_hours=gpu_hours, tail_seconds=point.longest_seconds)

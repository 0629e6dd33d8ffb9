"""Points as a measurement would give them."""

from __future__ import annotations

from pipeline.tuning import Point


def make_point(concurrency: int = 64, pairs: float = 1.0, **fields: float | None) -> Point:
    """100 images of 1,000 tokens each, at ``pairs`` accepted per second."""
    return Point.model_validate(
        {
            "concurrency": concurrency,
            "max_num_batched_tokens": None,
            "images": 100,
            "attempts": 100,
            "accepted": 100,
            "seconds": 100.0,
            "tokens_per_second": 1000.0 * pairs,
            "images_per_second": pairs,
            "pairs_per_second": pairs,
            "starved_share": 0.0,
            "mean_tokens": 1000.0,
            "p95_tokens": 1500,
            "tokens_per_image": 1000.0,
            "tokens_deviation": 200.0,
            "longest_seconds": 60.0,
        }
        | fields
    )

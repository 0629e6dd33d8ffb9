"""Recognising ``imagenet21k_resized``, whose pictures are no photographs of 224 pixels and more.

The release (Ridnik et al. 2021, "ImageNet-21K Pretraining for the Masses"; its ``resize.py``) holds every picture with
a side of 224 or more squashed to exactly 224 by 224, whatever its shape was, and smaller ones as they were.
"""

from __future__ import annotations

from pathlib import Path

_ROOT = "imagenet21k_resized"
_NAMES = (_ROOT, "imagenet21k_train", "imagenet21k_val", "imagenet21k_small_classes")
_NEARLY_ALL = 0.9

WARNING = (
    "looks like imagenet21k_resized: every picture was squashed to 224x224 whatever its shape, so that none is an "
    "original of 224 pixels or more; use winter21_whole.tar.gz, fall11_whole.tar or a WebDataset of them instead"
)


def has_names_of_resized(place: str) -> bool:
    """Whether a folder or file, or a folder in it, is called as the release's are."""
    path = Path(place)
    return path.name.startswith(_ROOT) or path.name in _NAMES or any((path / name).is_dir() for name in _NAMES)


def has_sizes_of_resized(known: int, of_224: int, larger: int) -> bool:
    """Whether pictures measure what the release's do.

    Args:
        known: pictures whose dimensions are known.
        of_224: of these, pictures of exactly 224 by 224 pixels.
        larger: of these, pictures with a side of more than 224.
    """
    return known > 0 and (of_224 >= _NEARLY_ALL * known or (larger == 0 and 2 * of_224 >= known))

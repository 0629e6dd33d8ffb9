"""ImageNet's terms of access, as whoever publishes or opens its pictures is told of them."""

from __future__ import annotations

import functools
from importlib import resources

IMAGENET_TERMS_URL = "https://www.image-net.org/download.php"
"""Where the terms stand in full. Those are the binding ones."""


@functools.cache
def read_imagenet_terms() -> str:
    """The terms in substance, in plain lines: one text for the notice beside the pictures and for the hub's gate."""
    return resources.files(__package__).joinpath("imagenet_terms.txt").read_text("utf-8")

"""Images that lie close together, fetched from another machine by one request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from schemas.image import ImageRef

GAP = 2**20
"""Bytes between two images that come along rather than cost a request of their own. With a free account the hub allows
a request every 60 ms (https://huggingface.co/docs/hub/rate-limits): as long as they take on a line of 17 MB/s."""

STRETCH = 32 * 2**20
"""Bytes of a stretch, at most, but for an image that is larger by itself."""


def find_stretches(refs: Iterable[ImageRef]) -> Iterator[list[ImageRef]]:
    """Join images, given in the order of their places, as long as little lies between them."""
    stretch: list[ImageRef] = []
    for ref in refs:
        if stretch and not _joins(stretch, ref):
            yield stretch
            stretch = []
        stretch.append(ref)
    if stretch:
        yield stretch


def _joins(stretch: Sequence[ImageRef], ref: ImageRef) -> bool:
    first, last = stretch[0], stretch[-1]
    return (
        ref.container == last.container
        and 0 <= ref.offset - (last.offset + last.size) <= GAP
        and ref.offset + ref.size - first.offset <= STRETCH
    )

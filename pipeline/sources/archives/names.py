"""Many names at once: which of them are those of images, and their ids, as columns.

The rule is that of :func:`pipeline.sources.entries.identify`. Names that it would still read but that are unusual (the
class stands in them twice) are left to it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.sources.entries import IMAGE_SUFFIXES, MAX_DIGITS

Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_WNID = len("n00000000")
_LONGEST_SUFFIX = max(map(len, IMAGE_SUFFIXES))
LONGEST = _WNID + 1 + MAX_DIGITS + 1 + _LONGEST_SUFFIX
"""Bytes of the longest name that is read here."""
_LOWER = np.uint8(0x20)
"""The bit by which ASCII's small letters differ from its capitals; no other byte becomes a letter by it."""


class Found(NamedTuple):
    """Which names are images' (one flag each), and the columns of those that are."""

    is_image: Mask
    image_ids: pa.StringArray
    wnids: pa.StringArray


def find_images(names: Bytes, lengths: Numbers) -> Found:
    """Find the images among names.

    Args:
        names: the last part of each name's path, in rows of :data:`LONGEST` bytes: cut off, or followed by zeros.
        lengths: of those parts, in bytes.
    """
    digits = (names ^ np.uint8(ord("0"))) < 10
    # length of the run of digits behind the underscore: where the first byte that is none stands
    run = np.argmin(digits[:, _WNID + 1 : _WNID + 2 + MAX_DIGITS], axis=1)
    dot = _WNID + 1 + run
    is_image = (
        (lengths <= LONGEST)
        & (names[:, 0] == ord("n"))
        & digits[:, 1:_WNID].all(axis=1)
        & (names[:, _WNID] == ord("_"))
        & (run > 0)
        & (names[np.arange(len(names)), dot] == ord("."))
    )
    is_image &= _has_suffix(names, dot + 1, lengths - dot - 1)
    return _columns(is_image, names[is_image], dot[is_image])


def cut_out(text: Bytes, starts: Numbers, lengths: Numbers) -> Bytes:
    """The beginnings of names as rows of :data:`LONGEST` bytes, from one text that holds them all."""
    columns = np.arange(LONGEST)
    names: Bytes = text.take(starts[:, None] + columns, mode="clip")
    names[columns >= lengths[:, None]] = 0
    return names


def _has_suffix(names: Bytes, starts: Numbers, lengths: Numbers) -> Mask:
    """Whether the names go on with an image's suffix at ``starts`` and end with it ``lengths`` further on."""
    padded = np.pad(names, ((0, 0), (0, _LONGEST_SUFFIX)))
    four = np.take_along_axis(padded, starts[:, None] + np.arange(4), axis=1)
    codes = np.ascontiguousarray(four | (_LOWER * (four > 0))).view("<u4")[:, 0]
    found = np.zeros(len(names), dtype=np.bool_)
    for suffix in IMAGE_SUFFIXES:
        code = int.from_bytes(suffix.encode(), "little")
        found |= (codes == code) & (lengths == len(suffix))
    return found


def _columns(is_image: Mask, names: Bytes, lengths: Numbers) -> Found:
    image_ids = names[np.arange(LONGEST) < lengths[:, None]]
    offsets = np.zeros(len(names) + 1, dtype=np.int32)
    np.cumsum(lengths, out=offsets[1:])
    wnids = np.ascontiguousarray(names[:, :_WNID])
    return Found(
        is_image,
        _strings(offsets, image_ids),
        _strings(np.arange(0, _WNID * len(names) + 1, _WNID, dtype=np.int32), wnids),
    )


def _strings(offsets: npt.NDArray[np.int32], text: Bytes) -> pa.StringArray:
    return pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(text))

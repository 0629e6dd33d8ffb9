"""Image ids and their ranks by the million: eight bytes each, worked on as arrays.

Keys are those of :func:`pipeline.sources.index.seen.pack_ids`, ranks those of :func:`schemas.identity.rank`.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.sources.index.seen import Keys

Ranks = npt.NDArray[np.uint64]

_STEM_BYTES = 10
"""Of ``n00005787_``."""
_MAX_DIGITS = 9
_ZERO = ord("0")


def unpack_ids(keys: Keys) -> pa.StringArray:
    """The ids that were packed."""
    digits = (keys >> np.uint64(30) & np.uint64(15)).astype(np.int64)
    letters = np.empty((len(keys), _STEM_BYTES + _MAX_DIGITS), np.uint8)
    letters[:, 0] = ord("n")
    letters[:, _STEM_BYTES - 1] = ord("_")
    _write_digits(letters[:, 1 : _STEM_BYTES - 1], synsets_of(keys))
    # right-aligned first; a shorter number then moves to the left by the places that it lacks
    numbers = np.empty((len(keys), _MAX_DIGITS), np.uint8)
    _write_digits(numbers, keys & np.uint64(2**30 - 1))
    places = np.minimum(np.arange(_MAX_DIGITS) + (_MAX_DIGITS - digits)[:, None], _MAX_DIGITS - 1)
    letters[:, _STEM_BYTES:] = np.take_along_axis(numbers, places, axis=1)
    lengths = _STEM_BYTES + digits
    there = np.arange(letters.shape[1]) < lengths[:, None]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.StringArray.from_buffers(len(keys), pa.py_buffer(offsets), pa.py_buffer(letters[there]))


def synsets_of(keys: Keys) -> Keys:
    """The numbers of the ids' synsets."""
    return keys >> np.uint64(34)


def wnid_of(synset: int) -> str:
    """A synset's number as a wnid."""
    return f"n{synset:08}"


def rank_ids(seed: int, ids: pa.StringArray) -> Ranks:
    """The ranks of many ids; the keyed state is set up once."""
    begin = hashlib.blake2b(digest_size=8, key=str(seed).encode()).copy
    digests: list[bytes] = []
    for image_id in ids.cast(pa.binary()).to_pylist():
        state = begin()
        state.update(image_id)
        digests.append(state.digest())
    return np.frombuffer(b"".join(digests), ">u8").astype(np.uint64)


def _write_digits(letters: npt.NDArray[np.uint8], numbers: Keys) -> None:
    """Write numbers into a matrix of letters, zeros in front."""
    for place in reversed(range(letters.shape[1])):
        numbers, digit = np.divmod(numbers, np.uint64(10))
        letters[:, place] = digit.astype(np.uint8) + _ZERO

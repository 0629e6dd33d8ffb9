"""What is wrong with some files of real collections, each fault by its name.

Where they were seen in ImageNet-21k: unreadable and truncated files (github.com/Alibaba-MIIL/ImageNet21K, issue 25),
gzip inside ``.JPEG`` (the reader of the ``datadings`` package), PNG and CMYK in ``.JPEG`` (the lists in many loaders of
ImageNet-1k), tiny ones (the cards of ``timm/imagenet-w21-wds``), duplicates (``fastdup``'s authors), doubled stems
(``krishnateja95/ImageNet-Think``), renamed folders (users' trees).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image, ImageFilter

from schemas.rejection import RejectReason
from tests.collections.photographs import decode, encode

FIRST_NUMBER = 900_001
"""Faulty files are numbered from here, by fault: beyond ImageNet's own numbers, whichever faults are switched on."""

_ORIENTATION = 0x0112
"""The EXIF tag that says which way is up."""


class File(NamedTuple):
    """One file of a collection, as it lies in a tree. Folders stand for classes, whatever they are called."""

    folder: str
    name: str
    data: bytes


class Place(NamedTuple):
    """Where a faulty file is to be put, and what it can be made of."""

    wnid: str
    image_id: str
    photograph: bytes
    """An ordinary one, and nobody else's."""
    neighbour: str
    """Another image of the class ..."""
    neighbour_photograph: bytes
    """... and its bytes."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of faulty file: how it is made of a place, and where and why it is rejected (or not, though odd)."""

    name: str
    make: Callable[[Place], File]
    at_index: RejectReason | None = None
    at_selection: RejectReason | None = None
    """The reason when all images are wanted. An exact duplicate is one of two: which, the draw decides."""


def _picture(name: str, alter: Callable[[bytes], bytes], reason: RejectReason | None = None) -> Fault:
    """A file with an ordinary name and an odd content."""

    def make(place: Place) -> File:
        return File(place.wnid, f"{place.image_id}.JPEG", alter(place.photograph))

    return Fault(name, make, at_selection=reason)


def _flip_bits(data: bytes) -> bytes:
    """Thirty-odd flipped bits of the scan: of three, a strict decoder notices only every other case."""
    damaged = bytearray(data)
    for position in range(len(data) // 2, len(data) - 2, len(data) // 64):
        damaged[position] ^= 1
    return bytes(damaged)


def _with_exif(data: bytes, exif: bytes) -> bytes:
    """With one EXIF segment behind the start marker."""
    payload = b"Exif\0\0" + exif
    return data[:2] + struct.pack(">HH", 0xFFE1, len(payload) + 2) + payload + data[2:]


def _orientation(value: int) -> bytes:
    exif = Image.Exif()
    exif[_ORIENTATION] = value
    return exif.tobytes().removeprefix(b"Exif\0\0")


def _bomb(_: bytes) -> bytes:
    """A header that promises 65000 x 65000 pixels, over the data of 8 x 8."""
    data = encode(Image.new("L", (8, 8)))
    frame = data.index(b"\xff\xc0")  # SOF0: marker, length, precision, height, width
    return data[: frame + 5] + struct.pack(">HH", 65000, 65000) + data[frame + 9 :]


def _gzip(data: bytes) -> bytes:
    # not gzip.compress: what it writes as operating system depends on the version of Python
    return zlib.compress(data, wbits=31)


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _web_page(_: bytes) -> bytes:
    return b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body>Not Found</body></html>\n"


def _resized(*size: int) -> Callable[[bytes], bytes]:
    return lambda data: encode(decode(data).resize((size[0], size[1])))


def _as(image_format: str) -> Callable[[bytes], bytes]:
    return lambda data: encode(decode(data), image_format)


def _named(folder: str, name: str) -> Callable[[Place], File]:
    """An ordinary content under a name made of the place's fields."""

    def make(place: Place) -> File:
        fields = place._asdict()
        return File(folder.format(**fields), name.format(**fields), place.photograph)

    return make


def _in_class(wnid: str) -> Callable[[Place], File]:
    """An ordinary file of another class."""

    def make(place: Place) -> File:
        return File(wnid, f"{wnid}{place.image_id[9:]}.JPEG", place.photograph)

    return make


def _copy(place: Place) -> File:
    return File(place.wnid, f"{place.image_id}.JPEG", place.neighbour_photograph)


def _encode_again(place: Place) -> File:
    again = encode(decode(place.neighbour_photograph), quality=80)
    return File(place.wnid, f"{place.image_id}.JPEG", again)


_REASON = RejectReason

_FAULTS = (
    # damaged
    _picture("truncated", _half, _REASON.DECODE_ERROR),
    _picture("no_end_mark", lambda data: data[:-2], _REASON.DECODE_ERROR),
    _picture("zero_tail", lambda data: _half(data) + bytes(len(data) - len(data) // 2), _REASON.DECODE_ERROR),
    _picture("cut_progressive", lambda data: _half(encode(decode(data), progressive=True)), _REASON.DECODE_ERROR),
    _picture("flipped_bits", _flip_bits, _REASON.DECODE_ERROR),
    _picture("cut_gzip", lambda data: _half(_gzip(data)), _REASON.DECODE_ERROR),
    _picture("web_page", _web_page, _REASON.NOT_AN_IMAGE),
    _picture("empty", lambda _: b"", _REASON.EMPTY),
    # in order, and useless
    _picture("bomb", _bomb, _REASON.BOMB),
    _picture("tiny", _resized(31, 24), _REASON.TOO_SMALL),
    _picture("small", _resized(320, 223), _REASON.TOO_SMALL),
    _picture("panorama", _resized(1152, 224), _REASON.EXTREME_ASPECT),
    _picture("placeholder", lambda _: encode(Image.new("RGB", (500, 375), (238, 238, 238))), _REASON.BLANK),
    # odd, and usable
    _picture("png_named_jpeg", _as("PNG")),
    _picture("gif_named_jpeg", _as("GIF")),
    _picture("webp_named_jpeg", _as("WEBP")),
    _picture("bmp_named_jpeg", _as("BMP")),
    _picture("gzip_named_jpeg", _gzip),
    _picture("cmyk", lambda data: encode(decode(data).convert("CMYK"))),
    _picture("greyscale", lambda data: encode(decode(data).convert("L"))),
    _picture("blurred", lambda data: encode(decode(data).filter(ImageFilter.GaussianBlur(8)))),
    _picture("sideways", lambda data: _with_exif(data, _orientation(6))),
    _picture("corrupt_exif", lambda data: _with_exif(data, b"II*\0\xff\xff\xff\xff" + bytes(16))),
    _picture("long_header", lambda data: _with_exif(data, b"MM\0*\0\0\0\x08" + bytes(60_000))),
    # the same twice
    Fault("exact_duplicate", _copy, at_selection=_REASON.EXACT_DUPLICATE),
    Fault("near_duplicate", _encode_again),
    # names
    Fault("doubled_stem", _named("{wnid}", "{wnid}_{image_id}.JPEG")),
    Fault("renamed_folder", _named("{wnid}_housedog", "{image_id}.JPEG")),
    Fault("other_suffix", _named("{wnid}", "{image_id}.jpg")),
    Fault("no_image_id", _named("{wnid}", "holiday.JPEG"), at_index=_REASON.NOT_AN_IMAGE_ID),
    # sorts behind the file whose id it claims, so that the other is the first in every form
    Fault("duplicate_id", _named("{wnid}", "{wnid}_{neighbour}.JPEG"), at_index=_REASON.DUPLICATE_ID),
    # classes
    Fault("unknown_synset", _in_class("n99999999"), at_selection=_REASON.UNKNOWN_SYNSET),
    Fault("person", _in_class("n09818022"), at_selection=_REASON.EXCLUDED_SYNSET),
)

FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in _FAULTS}
"""By name, in the order of their numbers."""

ALL_FAULTS = tuple(FAULTS)


def number_of(fault: str) -> int:
    """The image number of a fault's file, whichever others are switched on."""
    return FIRST_NUMBER + ALL_FAULTS.index(fault)

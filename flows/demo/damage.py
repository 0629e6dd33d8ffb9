"""Files as they turn up in real collections, made by code, so that the demo has something to reject."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from flows.demo.photographs import encode_jpeg, find_photograph, read_photograph
from schemas.rejection import RejectReason

_ORIENTATION = 0x0112
"""The EXIF tag that says which way is up."""


@dataclass(frozen=True, slots=True)
class OddFile:
    """One file: where in the tree, its bytes, and why it is rejected (``None``: it is odd, but usable)."""

    path: str
    make: Callable[[], bytes]
    reason: RejectReason | None


def add_damaged_files(root: Path) -> None:
    """Write every odd file into the tree that ``lay_out_photographs`` makes.

    Raises:
        ConfigError: a package that holds the photographs is not installed.
        OSError: ``root`` cannot be written.
    """
    for odd in ODD_FILES:
        path = root / odd.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(odd.make())


def _truncated() -> bytes:
    data = _read("flower.jpg")
    return data[: len(data) // 2]


def _flipped_bits() -> bytes:
    """Thirty-odd flipped bits: of three, a strict decoder notices only every other case."""
    data = bytearray(_read("flower.jpg"))
    for position in range(len(data) // 2, len(data) - 2, len(data) // 64):
        data[position] ^= 1
    return bytes(data)


def _page_not_found() -> bytes:
    return b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body>Not Found</body></html>\n"


def _inside_gzip() -> bytes:
    # not gzip.compress: what it writes as operating system depends on the version of Python
    return zlib.compress(encode_jpeg(_open("chelsea.png"), (0, 0, 300, 300)), wbits=31)


def _thumbnail() -> bytes:
    return encode_jpeg(_open("rocket.jpg").resize((120, 80)))


def _panorama() -> bytes:
    return encode_jpeg(_open("hubble_deep_field.jpg"), (0, 300, 1000, 530))


def _placeholder() -> bytes:
    return encode_jpeg(Image.new("RGB", (500, 375), (238, 238, 238)))


def _bomb() -> bytes:
    """A header that promises 65000 x 65000 pixels, over the data of 8 x 8."""
    data = encode_jpeg(Image.new("L", (8, 8)))
    frame = data.index(b"\xff\xc0")  # SOF0: marker, length, precision, height, width
    return data[: frame + 5] + struct.pack(">HH", 65000, 65000) + data[frame + 9 :]


def _cmyk() -> bytes:
    return encode_jpeg(_open("coffee.png").crop((150, 0, 600, 400)).convert("CMYK"))


def _lying_on_its_side() -> bytes:
    """Stored a quarter turn to the left; the EXIF orientation says so."""
    file = io.BytesIO()
    exif = Image.Exif()
    exif[_ORIENTATION] = 6
    picture = _open("grace_hopper.jpg").crop((0, 200, 400, 600)).transpose(Image.Transpose.ROTATE_90)
    picture.save(file, "JPEG", quality=95, exif=exif)
    return file.getvalue()


def _part_of_flower() -> bytes:
    return encode_jpeg(_open("flower.jpg"), (0, 0, 400, 300))


def _flower() -> bytes:
    return _read("flower.jpg")


def _note() -> bytes:
    return b"Notes of whoever copied these files.\n"


def _open(file: str) -> Image.Image:
    return Image.open(io.BytesIO(_read(file)))


def _read(file: str) -> bytes:
    return read_photograph(find_photograph(file))


ODD_FILES = (
    OddFile("n11960245/n11960245_900301.JPEG", _truncated, RejectReason.DECODE_ERROR),
    OddFile("n11960245/n11960245_900302.JPEG", _flipped_bits, RejectReason.DECODE_ERROR),
    OddFile("n11960245/n11960245_900303.JPEG", _flower, RejectReason.EXACT_DUPLICATE),
    OddFile("n04407435/n04407435_900304.JPEG", _page_not_found, RejectReason.NOT_AN_IMAGE),
    OddFile("n04407435/n04407435_900305.JPEG", bytes, RejectReason.EMPTY),
    OddFile("n02123045/n02123045_900306.JPEG", _inside_gzip, None),
    OddFile("n04265904/n04265904_900307.JPEG", _thumbnail, RejectReason.TOO_SMALL),
    OddFile("n09444783/n09444783_900308.JPEG", _panorama, RejectReason.EXTREME_ASPECT),
    OddFile("n02898369/n02898369_900309.JPEG", _placeholder, RejectReason.BLANK),
    OddFile("n09444783/n09444783_900310.JPEG", _bomb, RejectReason.BOMB),
    OddFile("n99999999/n99999999_900001.JPEG", _part_of_flower, RejectReason.UNKNOWN_SYNSET),
    OddFile("README.txt", _note, RejectReason.NOT_AN_IMAGE_ID),
    OddFile("n11960245/n11960245_n11960245_900311.JPEG", _part_of_flower, None),
    OddFile("n07920052/n07920052_900312.JPEG", _cmyk, None),
    OddFile("n03763968/n03763968_900313.JPEG", _lying_on_its_side, None),
)

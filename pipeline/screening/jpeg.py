"""JPEG, strictly: libjpeg-turbo through simplejpeg, where every warning of the decoder is an error.

Pillow lets libjpeg paint grey over damaged data and says nothing. The principle here is *in doubt, reject*: another
photograph of the class takes the place of a rejected one, while a damaged one would have its damage described.

- Data that end early, restart out of step, or leave bytes over before the end marker are rejected. So are the few
  layouts that TurboJPEG cannot read (unusual chroma subsampling).
- Bytes after the end marker are accepted: cameras append previews there, and the picture before them is whole.
- JPEG has no checksum: damage shows only where the decoder gets out of step with its data. Of photographs in which 512
  bytes were overwritten or lost, 86 to 100 % are caught (by Pillow 0 to 4 %, and 80 % where noise forged markers); of
  single flipped bits, some 20 % in sequential and 36 % in progressive files (by Pillow 1 %). Most of the other flips
  change a few pixels; 1 to 10 % of all, by quality and layout, pass with more than a hundredth of the picture off.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import simplejpeg
from PIL import Image

from pipeline.screening.container import Decoded
from pipeline.screening.normalise import read_orientation
from pipeline.screening.verdict import UnusableImageError, undecodable
from schemas.rejection import RejectReason

MAX_SCANS = 500
"""Every scan of a progressive JPEG walks the whole picture; libjpeg-turbo's own fuzzers stop at as many."""

_START_OF_SCAN = 0xDA
_STANDALONE = (0x01, *range(0xD0, 0xD8))
_PROGRESSIVE_FRAMES = (0xC2, 0xC6, 0xCA, 0xCE)
_FRAMES = (0xC0, 0xC1, *_PROGRESSIVE_FRAMES, 0xC3, 0xC5, 0xC7, 0xC9, 0xCB, 0xCD, 0xCF)
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_TURNED_BY_XMP = re.compile(rb"tiff:Orientation(?:=[\"']|>)[2-8]")


def read_jpeg_size(data: bytes) -> tuple[int, int]:
    """Width and height as the header gives them, in pixels.

    Raises:
        UnusableImageError: there is no header that the decoder understands.
    """
    width, height, _ = _read_header(data)
    return width, height


def decode_jpeg(data: bytes, at_least: int | None = None) -> Decoded:
    """Decode a JPEG, taking every warning for an error.

    Args:
        data: the file.
        at_least: when given, the picture may come smaller (to a half or less) as long as its longer side has this
            many pixels, and its colours blockier. All data are still read and checked: only what comes after gets
            cheaper, the inverse cosine transform and the spreading of subsampled colours.

    Raises:
        UnusableImageError: the data are damaged, or have too many scans.
    """
    segments = list(_segments(data))
    if _has_multiple_scans(segments) and data.count(bytes((0xFF, _START_OF_SCAN))) > MAX_SCANS:
        raise UnusableImageError(RejectReason.BOMB, f"the JPEG has more than {MAX_SCANS} scans")
    try:
        image = _decode_strictly(data, at_least)
    except ValueError as error:
        raise undecodable(f"JPEG data: {error}") from error
    return Decoded(image, _exif(segments), _icc(segments))


def is_turned(data: bytes) -> bool:
    """Whether a JPEG asks to be turned or mirrored before it is shown: in its EXIF block, or in XMP.

    :func:`~pipeline.screening.normalise.normalise` goes by the former alone, some viewers and Pillow by both.
    """
    segments = list(_segments(data))
    xmp = (payload for marker, payload in segments if marker == 0xE1 and payload.startswith(_XMP))
    return read_orientation(_exif(segments)) != 1 or any(_TURNED_BY_XMP.search(each) for each in xmp)


def _decode_strictly(data: bytes, at_least: int | None) -> Image.Image:
    width, height, colours = _read_header(data)
    scale = min(1.0, at_least / max(width, height)) if at_least else 1.0
    options = {"min_width": int(width * scale), "min_height": int(height * scale), "min_factor": 2}
    if colours == "Gray":
        mode, layout, raw = "L", "GRAY", "L"
    elif colours in ("CMYK", "YCCK"):
        # Taken for inverted, as Adobe's programs write them and as Pillow takes them too.
        mode, layout, raw = "CMYK", "CMYK", "CMYK;I"
    else:
        # Pillow keeps RGB in four bytes itself and takes them over three times as fast in that form.
        mode, layout, raw = "RGB", "RGBX", "RGBX"
    pixels = simplejpeg.decode_jpeg(data, layout, strict=True, fastupsample=bool(at_least), **options)
    return Image.frombytes(mode, (pixels.shape[1], pixels.shape[0]), pixels.data, "raw", raw)


def _read_header(data: bytes) -> tuple[int, int, str]:
    """Width, height and colour space."""
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    except ValueError as error:
        raise undecodable(f"JPEG header: {error}") from error
    except KeyError as error:  # simplejpeg looks the sampling factors up in a table of the usual ones.
        raise undecodable("JPEG header: unusual chroma subsampling") from error
    return int(width), int(height), str(colours)


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and payload of each segment up to and including the first start of scan."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
        elif marker in _STANDALONE:
            position += 2
        else:
            end = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
            yield marker, data[position + 4 : end]
            if marker == _START_OF_SCAN:
                return
            position = max(end, position + 4)


def _has_multiple_scans(segments: list[tuple[int, bytes]]) -> bool:
    """Whether libjpeg reads scans to the end of the data, or only the first, which holds all components."""
    components = [payload[5:6] for marker, payload in segments if marker in _FRAMES]
    in_first_scan = [payload[:1] for marker, payload in segments if marker == _START_OF_SCAN]
    return components != in_first_scan or any(marker in _PROGRESSIVE_FRAMES for marker, _ in segments)


def _exif(segments: list[tuple[int, bytes]]) -> bytes:
    prefix = b"Exif\0\0"
    return next((payload[6:] for marker, payload in segments if marker == 0xE1 and payload.startswith(prefix)), b"")


def _icc(segments: list[tuple[int, bytes]]) -> bytes:
    """The profile, joined from its numbered parts (ICC.1:2022, annex B.4)."""
    prefix = b"ICC_PROFILE\0"
    parts = (payload[12:] for marker, payload in segments if marker == 0xE2 and payload.startswith(prefix))
    return b"".join(part[2:] for part in sorted(parts, key=lambda part: part[:1]))

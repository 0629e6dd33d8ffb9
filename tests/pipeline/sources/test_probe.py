"""What an image's first bytes tell is what screening reads from the whole file, or nothing at all."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.screening.container import identify
from pipeline.screening.decode import read_size
from pipeline.screening.verdict import UnusableImageError
from pipeline.sources.probe import HEAD_BYTES, Header, probe
from schemas.image import ImageFormat

FORMATS: tuple[ImageFormat, ...] = ("JPEG", "PNG", "GIF", "WEBP", "BMP")
Where = Literal["before", "behind"]


def reader(data: bytes) -> Callable[[int, int], bytes]:
    return lambda offset, length: data[offset : offset + length]


def probe_file(data: bytes, head: int = HEAD_BYTES) -> Header | None:
    return probe(data[:head], reader(data))


def what_screening_reads(data: bytes) -> Header | None:
    try:
        container = identify(data, 2**20)
        return None if container.gzipped else Header(container.format, *read_size(container))
    except UnusableImageError:
        return None


def encode(image: Image.Image, image_format: ImageFormat, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, image_format, **options)
    return file.getvalue()


def segment(marker: int, length: int) -> bytes:
    """A JPEG segment with ``length`` bytes of payload."""
    return bytes((0xFF, marker)) + (length + 2).to_bytes(2, "big") + bytes(length)


@st.composite
def images(draw: st.DrawFn) -> bytes:
    """A small image of any format and mode, a JPEG with metadata of any length in front of its frame."""
    image_format = draw(st.sampled_from(FORMATS))
    size = draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    mode = draw(st.sampled_from(["L", "RGB", "CMYK"] if image_format == "JPEG" else ["L", "RGB"]))
    options: dict[str, object] = {}
    if image_format == "JPEG":
        options = {"progressive": draw(st.booleans()), "subsampling": draw(st.integers(0, 0 if mode == "CMYK" else 2))}
    elif image_format == "WEBP":
        options = {"lossless": draw(st.booleans()), "exif": draw(st.sampled_from([b"", b"Exif\0\0MM"]))}
    data = encode(Image.new(mode, size, draw(st.integers(0, 255)) if mode == "L" else None), image_format, **options)
    if image_format == "JPEG":
        markers = st.sampled_from([0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE])
        lengths = st.one_of(st.integers(0, 40), st.integers(3000, 4000), st.integers(60_000, 65_533))
        metadata = [segment(*drawn) for drawn in draw(st.lists(st.tuples(markers, lengths), max_size=4))]
        data = data[:2] + b"".join(metadata) + data[2:]
    return data


@settings(deadline=None)
@given(images())
def test_the_header_is_what_screening_and_pillow_read(data: bytes) -> None:
    found = probe_file(data)
    assert found == what_screening_reads(data)
    with Image.open(io.BytesIO(data)) as image:
        assert found == Header(image.format, *image.size)  # type: ignore[arg-type]  # any text


@settings(deadline=None, max_examples=400)
@given(images(), st.data())
def test_a_damaged_or_cut_header_tells_what_screening_reads_or_nothing(data: bytes, drawn: st.DataObject) -> None:
    changed = bytearray(data[: drawn.draw(st.integers(0, len(data)), label="cut")])
    for _ in range(drawn.draw(st.integers(0, 4)) if changed else 0):
        position = drawn.draw(st.integers(0, min(len(changed), 700) - 1))
        changed[position] = drawn.draw(st.sampled_from([0, 1, 0x7F, 0xC0, 0xD8, 0xDA, 0xE1, 0xFE, 0xFF]))
    found = probe_file(bytes(changed), drawn.draw(st.sampled_from([12, 40, 600, HEAD_BYTES]), label="head"))
    assert found in (None, what_screening_reads(bytes(changed)))


@settings(deadline=None)
@given(
    st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8\xff", b"GIF89a", b"BM", b"RIFF\0\0\0\0WEBP", b"\x89PNG"])
)
def test_no_bytes_are_an_error(tail: bytes, magic: bytes) -> None:
    data = magic + tail
    assert probe_file(data) in (None, what_screening_reads(data))


@pytest.mark.parametrize("data", [b"", b"<html>404</html>", gzip.compress(b"\xff\xd8\xff", mtime=0), b"\xff\xd8\xff"])
def test_what_is_no_image_tells_nothing(data: bytes) -> None:
    assert probe_file(data) is None


def test_a_header_with_a_size_of_65000_pixels_is_told() -> None:
    data = bytearray(encode(Image.new("L", (8, 8)), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = (65_000).to_bytes(2, "big") * 2
    assert probe_file(bytes(data)) == Header("JPEG", 65_000, 65_000)


def test_a_frame_behind_a_megabyte_of_metadata_is_found_with_few_small_reads() -> None:
    plain = encode(Image.new("RGB", (8, 9)), "JPEG")
    data = plain[:2] + segment(0xE2, 0xFFFD) * 16 + plain[2:]
    lengths = []

    def read(offset: int, length: int) -> bytes:
        lengths.append(length)
        return data[offset : offset + length]

    assert probe(data[:HEAD_BYTES], read) == Header("JPEG", 8, 9)
    assert sum(lengths) <= 17 * HEAD_BYTES


def test_endless_metadata_is_given_up() -> None:
    reads = []

    def read(offset: int, length: int) -> bytes:
        reads.append(offset)
        return (segment(0xFE, 0xFFFD))[:length]

    assert probe(b"\xff\xd8" + segment(0xFE, 0xFFFD), read) is None
    assert len(reads) < 100

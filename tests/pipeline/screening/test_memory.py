"""However large a picture says it is, screening takes no more memory than the limits allow."""

from __future__ import annotations

import functools
import gzip
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pipeline.screening.pictures import (
    encode,
    photograph,
    png_chunk,
    with_announced_size,
    with_png_chunk,
    with_segment,
)

MAX_PIXELS, MAX_BYTES = 10**6, 2 * 10**6

MOST_BYTES = 24 * MAX_PIXELS + 8 * MAX_BYTES
"""The picture a few times over, in as many layouts as it passes through, and the file's bytes some times more."""

MEASURE = """
import sys
from pathlib import Path

from pipeline.screening import screen
from schemas.config import ScreeningConfig


def highest():
    status = Path("/proc/self/status").read_text()
    return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


warm_up, *files = map(Path, sys.argv[3:])
limits = ScreeningConfig(max_pixels=int(sys.argv[1]), max_bytes=int(sys.argv[2]), min_side=1, max_aspect=1e5)
screen(warm_up.read_bytes(), limits)
before = highest()
for file in files:
    screen(file.read_bytes(), limits)
    print(file.name, highest() - before)
"""

SMALL = photograph(size=(64, 48))
LARGEST = photograph(size=(1000, 1000))


def announced(data: bytes, position: int, code: str) -> bytes:
    """A file whose header says that it has 60,000 x 60,000 pixels."""
    return data[:position] + struct.pack(code, 60_000, 60_000) + data[position + struct.calcsize(code) :]


def png_announced(width: int, height: int, rest: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + rest + png_chunk(b"IEND", b"")


@functools.cache
def hostile_files() -> dict[str, bytes]:
    zeros = zlib.compress(bytes(2 * 10**8), 1)
    webp = encode(SMALL, "WEBP", exif=b"Exif\0\0rubbish")
    progressive = encode(LARGEST, progressive=True, subsampling=0)
    sixteen_bits = Image.fromarray(np.asarray(LARGEST.convert("L")).astype(np.uint16) * 257)
    frames = [Image.effect_noise((1000, 1000), 90 + number).convert("P") for number in range(2)]
    return {
        "announced.jpg": with_announced_size(encode(SMALL), 60_000, 60_000),
        "announced.png": png_announced(60_000, 60_000, png_chunk(b"IDAT", zeros)),
        "announced.gif": announced(encode(SMALL, "GIF"), 6, "<HH"),
        "announced.webp": webp[:24] + b"\xff\xff\xff" * 2 + webp[30:],
        "announced.bmp": announced(encode(SMALL, "BMP"), 18, "<ii"),
        "more-than-announced.png": png_announced(64, 48, png_chunk(b"IDAT", zeros)),
        "profile.png": with_png_chunk(encode(SMALL, "PNG"), b"iCCP", b"name\0\0" + zeros),
        "text.png": with_png_chunk(encode(SMALL, "PNG"), b"zTXt", b"name\0\0" + zeros),
        "gzip.jpg": gzip.compress(bytes(2 * 10**8), 1),
        "segments.jpg": with_segment(encode(SMALL), 0xE2, b"ICC_PROFILE\0\1\1" + bytes(60_000)) * 20,
        "scans.jpg": progressive[:-2] + progressive[progressive.rindex(b"\xff\xda") : -2] * 400 + progressive[-2:],
        "largest.jpg": progressive,
        "largest-16-bit.png": encode(sixteen_bits, "PNG"),
        "largest-alpha.png": encode(Image.merge("RGBA", (*LARGEST.split(), LARGEST.convert("L"))), "PNG"),
        "largest-frames.gif": encode(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "largest-frames.webp": encode(LARGEST, "WEBP", save_all=True, append_images=[LARGEST.rotate(90)], method=0),
    }


@pytest.fixture(scope="module")
def peaks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Bytes beyond the usual that a fresh process had taken, at most, once it had judged each file."""
    folder = tmp_path_factory.mktemp("hostile")
    files = {"warm-up.png": encode(photograph(), "PNG"), **hostile_files()}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    command = [sys.executable, "-c", MEASURE, str(MAX_PIXELS), str(MAX_BYTES), *(str(folder / name) for name in files)]
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    return {name: int(peak) for name, peak in lines}


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="only Linux tells how much memory a process had taken"
)
def test_no_file_takes_more_memory_than_the_limits_allow(peaks: dict[str, int]) -> None:
    assert peaks.keys() == hostile_files().keys()
    assert {name: peak for name, peak in peaks.items() if peak > MOST_BYTES} == {}

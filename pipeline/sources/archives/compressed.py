"""Archives that are compressed as a whole, told by their first bytes."""

from __future__ import annotations

from pipeline.lines import printable
from schemas.errors import SourceError

LONGEST_MAGIC = 10
"""Bytes that are enough to tell."""

_COMPRESSIONS = {
    b"\x1f\x8b": "gzip",
    **{b"BZh%d1AY&SY" % level: "bzip2" for level in range(1, 10)},
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_UNPACK = {"gzip": "gunzip", "bzip2": "bunzip2", "xz": "unxz", "zstd": "unzstd"}


def refuse_compressed(head: bytes, place: str) -> None:
    """Refuse an archive that starts like a compressed file.

    Raises:
        SourceError: it does; a member of it cannot be read without all that stand before it.
    """
    for magic, compression in _COMPRESSIONS.items():
        if head.startswith(magic):
            raise SourceError(
                f"{printable(place)} is compressed ({compression}), and only plain tar can be read by offset",
                f"unpack it once with {_UNPACK[compression]}: photographs hardly shrink, it takes about 1 % more space",
            )

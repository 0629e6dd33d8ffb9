"""What earlier, other or killed runs left in a dataset's folder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.files import TEMPORARY_SUFFIX
from pipeline.packing.layout import DATA_DIRECTORY
from pipeline.packing.preview import PREVIEW_PATH
from pipeline.packing.sealing import unseal
from pipeline.packing.sidecars import SCHEMA_FILE

_OUR_SHARD = re.compile(r"[a-z]+-\d{5,}-of-\d{5,}\.tar")


def clear_strays(out: Path, expected: Iterable[Path]) -> None:
    """Remove what is left of other runs; a dataset of which something goes is no longer sealed.

    Args:
        out: the dataset's folder.
        expected: its shards, which stay.

    Raises:
        OSError: something cannot be removed.
    """
    strays = list(_find_strays(out, expected))
    if strays:
        unseal(out)
    for stray in strays:
        stray.unlink()


def _find_strays(out: Path, expected: Iterable[Path]) -> Iterator[Path]:
    """Shards of other layouts, and files that a killed run left half written. Nothing that is not of our making."""
    wanted = set(expected)
    for path in sorted((out / DATA_DIRECTORY).glob("*")):
        if path not in wanted and (_OUR_SHARD.fullmatch(path.name) or path.name.endswith(TEMPORARY_SUFFIX)):
            yield path
    for folder in (out, (out / SCHEMA_FILE).parent, (out / PREVIEW_PATH).parent):
        yield from sorted(folder.glob(f".*{TEMPORARY_SUFFIX}"))

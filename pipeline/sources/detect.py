"""Which form a user's copy of ImageNet-21k has, found by looking at it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from pipeline.sources.base import Source
from pipeline.sources.entries import identify, is_archive, printable, unreadable
from pipeline.sources.headers import Damage, read_members
from pipeline.sources.tar import TarSource, refuse_compressed
from pipeline.sources.tars import TarsSource
from pipeline.sources.tree import TreeSource
from pipeline.sources.walk import walk
from schemas.config import SourceConfig
from schemas.errors import SourceError

FORMS: dict[str, Callable[[Path], Source]] = {"tree": TreeSource, "tars": TarsSource, "tar": TarSource}
"""How each form is opened. A new one is a module with a ``Source``, a line here, and its name in ``SourceConfig``."""

EXPECTED = (
    "set source.path to a folder of images named nXXXXXXXX_N.JPEG, to a folder of nXXXXXXXX.tar, "
    "or to one uncompressed tar of either"
)

_EXAMPLES = 4


def open_source(config: SourceConfig) -> Source:
    """Open the configured source, recognising its form when that is ``auto``.

    Raises:
        SourceError: the path is missing, unreadable, empty, of another form than configured, or holds nothing that
            looks like ImageNet-21k.
    """
    path = config.path
    is_folder = _is_folder(path)
    if config.form == "auto":
        form = _detect_folder(path) if is_folder else _detect_file(path)
    else:
        form = config.form
        if is_folder != (form != "tar"):
            here, wanted = ("a folder", "a file") if is_folder else ("a file", "a folder")
            raise SourceError(f"{path} is {here}, and source.form {form} asks for {wanted}", "set source.form to auto")
    return FORMS[form](path)


def _is_folder(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise SourceError(f"{path} does not exist", EXPECTED) from error
    except OSError as error:
        raise unreadable(path, error) from error
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        raise SourceError(f"{path} is neither a folder nor a file", EXPECTED)
    return stat.S_ISDIR(mode)


def _detect_folder(path: Path) -> str:
    """The first image or archive decides; ``tars`` takes loose images too."""
    seen: list[str] = []
    for name, entry in walk(path):
        if entry.is_file(follow_symlinks=False):
            if is_archive(name):
                return "tars"
            if identify(name) is not None:
                return "tree"
        if len(seen) < _EXAMPLES:
            seen.append(printable(name))
    if not seen:
        raise SourceError(f"{path} is an empty folder", EXPECTED)
    raise SourceError(f"{path} holds nothing that looks like ImageNet-21k, but {', '.join(seen)}", EXPECTED)


def _detect_file(path: Path) -> str:
    try:
        with path.open("rb", buffering=0) as file:
            refuse_compressed(file.read(16), str(path))
            size = os.fstat(file.fileno()).st_size
            first = next(read_members(file.fileno(), 0, size), None)
    except OSError as error:
        raise unreadable(path, error) from error
    if size == 0 or first is None:
        raise SourceError(f"{path} is empty", EXPECTED)
    if isinstance(first, Damage) and not first.name:
        raise SourceError(f"{path} is not a tar archive: {first.problem}", EXPECTED)
    return "tar"

"""Which form a user's copy of ImageNet-21k has, found by looking at it."""

from __future__ import annotations

import gzip
import itertools
import os
import stat
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from pipeline.lines import printable
from pipeline.sources.archives.compressed import refuse_compressed
from pipeline.sources.archives.headers import Damage, Member, read_members
from pipeline.sources.base import Source
from pipeline.sources.entries import identify, is_archive, unreadable
from pipeline.sources.folders.listing import is_file, leads_to_file, walk
from pipeline.sources.keeping import Keep
from pipeline.sources.options import ScanOptions
from pipeline.sources.shards.info import INFO_NAMES
from schemas.config import SourceConfig, SourceForm
from schemas.errors import SourceError

EXPECTED = (
    "set source.path to a folder of images named nXXXXXXXX_N.JPEG, of nXXXXXXXX.tar, of WebDataset shards or of "
    "Parquet files, to one tar or tar.gz of the former two, or to hf://datasets/OWNER/NAME"
)

FILE_FORMS: frozenset[SourceForm] = frozenset({"tar", "tar.gz"})
"""Forms that are one file; all others are folders."""

_GZIP = b"\x1f\x8b"
_PARQUET = b"PAR1"
_PARQUET_SUFFIX = ".parquet"
_SIDECARS = frozenset({"json", "cls"})

_EXAMPLES = 4
_ARCHIVES_TRIED = 16
"""Archives that are looked into before a folder of damaged or empty ones counts as one of per-synset tars."""
_MEMBERS_TRIED = 8


def open_source(config: SourceConfig, keep: Keep | None = None) -> Source:
    """Open the configured source, recognising its form when that is ``auto``.

    Args:
        config: where it lies, and how it is read.
        keep: what is kept of a source that can only be streamed, while it is indexed; nothing when left out.

    Raises:
        SourceError: the path is missing, unreadable, empty, of another form than configured, or holds nothing that
            looks like ImageNet-21k.
    """
    options = ScanOptions(config.scan_mode, config.dimensions)
    if config.is_hub:
        if config.form not in ("auto", "webdataset", "parquet"):
            raise SourceError(
                f"{config.path}: source.form {config.form} cannot be read from the hub, which is streamed",
                "set it to webdataset or parquet, or download the dataset and set source.path to the folder",
            )
        from pipeline.sources.hub import open_hub  # noqa: PLC0415 - a client for the network, only where it is used

        return open_hub(config.path, config.form, options, keep)
    path = Path(config.path)
    is_folder = _is_folder(path)
    if config.form == "auto":
        form = detect_folder(path) if is_folder else detect_file(path)
    else:
        form = config.form
        if is_folder == (form in FILE_FORMS):
            here, wanted = ("a folder", "a file") if is_folder else ("a file", "a folder")
            raise SourceError(f"{path} is {here}, and source.form {form} asks for {wanted}", "set source.form to auto")
        if form == "tar.gz" and not _head(path).startswith(_GZIP):
            raise SourceError(f"{path} is no gzip file, and source.form asks for one", "set source.form to auto")
    return _open(form, path, options, keep, config)


def _open(form: SourceForm, path: Path, options: ScanOptions, keep: Keep | None, config: SourceConfig) -> Source:
    # each form's module is loaded only where it is used
    match form:
        case "tree":
            from pipeline.sources.tree import TreeSource  # noqa: PLC0415

            return TreeSource(path, options)
        case "tars":
            from pipeline.sources.tars import TarsSource  # noqa: PLC0415

            return TarsSource(path, options)
        case "tar":
            from pipeline.sources.tar import TarSource  # noqa: PLC0415

            return TarSource(path, options)
        case "tar.gz":
            from pipeline.sources.gzip import GzipSource  # noqa: PLC0415

            return GzipSource(path, options, keep, seek_index=config.seek_index)
        case "webdataset":
            from pipeline.sources.webdataset import WebDatasetSource  # noqa: PLC0415

            return WebDatasetSource(path, options)
        case "parquet":
            from pipeline.sources.parquet import ParquetSource  # noqa: PLC0415

            return ParquetSource(path, options)


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


def detect_folder(path: Path) -> SourceForm:
    """The form of a folder: its first image or archive decides, and Parquet files where there is neither.

    Raises:
        SourceError: it holds nothing that looks like ImageNet-21k, or cannot be read.
    """
    seen: list[str] = []
    has_parquet = has_info = False
    for name in walk(path):
        if is_archive(name) and leads_to_file(path / name):
            return _detect_archives(path, name, has_info=has_info)
        if identify(name) is not None and is_file(path / name):
            return "tree"
        has_info |= name in INFO_NAMES
        has_parquet |= name.lower().endswith(_PARQUET_SUFFIX) and leads_to_file(path / name)
        if len(seen) < _EXAMPLES:
            seen.append(printable(name))
    if has_parquet:
        return "parquet"
    if not seen:
        raise SourceError(f"{path} is an empty folder", EXPECTED)
    raise SourceError(f"{path} holds nothing that looks like ImageNet-21k, but {', '.join(seen)}", EXPECTED)


def _detect_archives(root: Path, first: str, *, has_info: bool) -> SourceForm:
    """Whether the archives in a folder are shards: samples of an image and its sidecars, or announced as shards."""
    if has_info:
        return "webdataset"
    archives = (name for name in walk(root) if is_archive(name) and leads_to_file(root / name))
    for name in itertools.islice(archives, _ARCHIVES_TRIED):
        path = root / name
        if _head(path).startswith(_GZIP) and name == first:
            raise SourceError(
                f"{printable(name)} in {root} is compressed",
                f"set source.path to {printable(str(path))} if it is the whole collection, or unpack the archives",
            )
        members = list(_first_members(path))
        if members:
            return "webdataset" if _are_samples(members) else "tars"
    return "tars"


def _are_samples(members: list[Member]) -> bool:
    """Whether a sidecar is among members, beside an image of its key."""
    parts = [member.name.rpartition("/")[2].partition(".") for member in members]
    sidecars = {key for key, _, suffix in parts if suffix.lower() in _SIDECARS}
    return any(key in sidecars and suffix.lower() not in _SIDECARS for key, _, suffix in parts)


def _first_members(path: Path) -> Iterator[Member]:
    """Some members of an archive; none where it is no archive, or damaged from the start."""
    try:
        with path.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            for found in itertools.islice(read_members(file.fileno(), 0, size), _MEMBERS_TRIED):
                if isinstance(found, Member) and found.kind == "file":
                    yield found
    except OSError as error:
        raise unreadable(path, error) from error


def detect_file(path: Path) -> SourceForm:
    """The form of a file, by its content, whatever it is called.

    Raises:
        SourceError: it is no archive, or an unsuitable one; or it cannot be read.
    """
    head = _head(path)
    if not head:
        raise SourceError(f"{path} is empty", EXPECTED)
    if head.startswith(_GZIP):
        _check_gzip(path)
        return "tar.gz"
    refuse_compressed(head, str(path))
    if head.startswith(_PARQUET):
        raise SourceError(f"{path} is one Parquet file", f"set source.path to the folder that holds it, {path.parent}")
    try:
        with path.open("rb", buffering=0) as file:
            first = next(read_members(file.fileno(), 0, os.fstat(file.fileno()).st_size), None)
    except OSError as error:
        raise unreadable(path, error) from error
    if first is None:
        raise SourceError(f"{path} is empty", EXPECTED)
    if isinstance(first, Damage) and not first.name:
        raise SourceError(f"{path} is not a tar archive: {first.problem}", EXPECTED)
    if _are_samples(list(_first_members(path))):
        raise SourceError(
            f"{path} is one WebDataset shard",
            f"set source.path to the folder that holds the shards, {path.parent}, or source.form to tar",
        )
    return "tar"


def _check_gzip(path: Path) -> None:
    """Refuse a gzip file that holds no tar.

    Raises:
        SourceError: it does not, as far as its beginning tells.
    """
    try:
        with gzip.open(path) as file:
            block = file.read(tarfile.BLOCKSIZE)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SourceError(f"{path} is a damaged gzip file ({error})", "fetch it again, and compare its MD5") from error
    except OSError as error:
        raise unreadable(path, error) from error
    if not any(block):
        raise SourceError(f"{path} is a gzip file with nothing in it", EXPECTED)
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise SourceError(f"{path} is a gzip file of something that is no tar archive ({error})", EXPECTED) from error


def _head(path: Path) -> bytes:
    try:
        with path.open("rb", buffering=0) as file:
            return file.read(16)
    except OSError as error:
        raise unreadable(path, error) from error

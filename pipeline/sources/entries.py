"""What an entry of a collection is, judged by its name alone: an image with its id, or not, and why."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pipeline.lines import printable
from schemas.errors import SourceError
from schemas.identity import parse_image_stem
from schemas.image import ImageFormat, IndexedImage
from schemas.rejection import Rejection, RejectReason, Stage

IMAGE_SUFFIXES = frozenset({"jpeg", "jpg", "png", "gif", "webp", "bmp"})
"""Compared in lower case. What a file really is, screening finds out."""

ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
"""Compressed ones are listed so that they are refused by name rather than passed over."""

MAX_DIGITS = 9
"""Longest image number. ImageNet's own have six digits at most; the index packs an id into 64 bits."""


def identify(name: str) -> tuple[str, str] | None:
    """Read the image id and its wnid off a path's last part; folders play no role.

    >>> identify("n02104280_housedog/n02104280_17.JPEG")
    ('n02104280_17', 'n02104280')

    Returns:
        ``None`` when the name is not that of an ImageNet image.
    """
    stem, _, suffix = name.rpartition("/")[2].rpartition(".")
    if suffix.lower() not in IMAGE_SUFFIXES:
        return None
    found = parse_image_stem(stem)
    return found if found is not None and len(found[0]) <= len("n00000000_") + MAX_DIGITS else None


def judge(  # noqa: PLR0913 - one argument for each column of a row
    name: str,
    container: str,
    offset: int,
    size: int,
    place: str,
    *,
    width: int | None = None,
    height: int | None = None,
    image_format: ImageFormat | None = None,
) -> IndexedImage | Rejection:
    """Make the index row of an image, or the rejection of a regular file that is none.

    Args:
        name: of the file or archive member.
        container: where its bytes lie, relative to the source's root.
        offset: in bytes.
        size: in bytes.
        place: names the entry to a person.
        width: in pixels, as far as its header tells.
        height: likewise.
        image_format: likewise.
    """
    identity = identify(name)
    if identity is None or not is_utf8(container):
        return reject(RejectReason.NOT_AN_IMAGE_ID, place)
    image_id, wnid = identity
    return IndexedImage(
        image_id=image_id,
        wnid=wnid,
        container=container,
        offset=offset,
        size=size,
        width=width,
        height=height,
        format=image_format,
    )


def judge_file(root: Path, path: str) -> IndexedImage | Rejection:
    """Judge one file, link or pipe; ``path`` is relative to the source's root.

    Raises:
        SourceError: it vanished meanwhile.
    """
    try:
        facts = os.lstat(f"{root}/{path}")
    except OSError as error:
        raise unreadable(root / path, error) from error
    if not stat.S_ISREG(facts.st_mode):
        return reject(RejectReason.NOT_A_REGULAR_FILE, path, name=path)
    return judge(path, container=path, offset=0, size=facts.st_size, place=path)


def reject(reason: RejectReason, detail: str, name: str = "") -> Rejection:
    """Make a rejection; the id comes from ``name`` where there is one in it."""
    image_id, wnid = identify(name) or ("", "")
    return Rejection(image_id=image_id, wnid=wnid, stage=Stage.INDEX, reason=reason, detail=printable(detail))


def is_archive(name: str) -> bool:
    """Whether a name is that of a tar archive, compressed ones included."""
    return name.lower().endswith(ARCHIVE_SUFFIXES)


def is_unsafe(name: str) -> bool:
    """Whether an archive member's name points out of where one would unpack it."""
    return name.startswith("/") or ".." in name.split("/")


def unreadable(path: Path, error: OSError) -> SourceError:
    """Turn an operating system's error into ours."""
    problem = f"{printable(str(path))} cannot be read ({error.strerror or error})"
    if isinstance(error, PermissionError):
        return SourceError(problem, "give this user read permission")
    if isinstance(error, FileNotFoundError):
        return SourceError(problem, "check source.path, and whether the disk is mounted")
    return SourceError(problem)


def is_utf8(text: str) -> bool:
    """Whether UTF-8 can hold a text that came out of a file name."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

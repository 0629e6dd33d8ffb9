"""What a member of an archive is: the same words and reasons wherever archives are read."""

from __future__ import annotations

from pipeline.sources.archives.headers import Damage, Member
from pipeline.sources.entries import is_archive, is_unsafe, judge, reject
from pipeline.sources.probe import Header
from schemas.image import IndexedImage
from schemas.rejection import Rejection, RejectReason


def judge_member(
    found: Member | Damage, container: str, place: str, *, inner: bool, header: Header | None = None
) -> IndexedImage | Rejection | Member | None:
    """Judge one member. Its name says what it is and is never used as a path.

    Args:
        found: the member, or the damage where the archive cannot be read further.
        container: what references call the file.
        place: what the archive is called in rejections.
        inner: the archive lies in another one, so that archives in it are not looked into.
        header: what the first bytes of an image tell.

    Returns:
        An archive that is to be looked into, up to where the outer one ends, as the member that it is. ``None`` for a
        folder, which is no entry.
    """
    where = f"{place}: {found.name}" if found.name else place
    if isinstance(found, Damage):
        whole = found.cut_off
        if whole is not None and is_archive(whole.name) and not inner and not is_unsafe(whole.name):
            return whole
        detail = f"{where}: {found.problem} (byte {found.offset})"
        return reject(RejectReason.ARCHIVE_DAMAGED, detail, found.name)
    if found.kind == "folder":
        return None
    if is_unsafe(found.name) or found.kind == "other":
        reason = RejectReason.UNSAFE_NAME if is_unsafe(found.name) else RejectReason.NOT_A_REGULAR_FILE
        return reject(reason, where, found.name)
    if is_archive(found.name) and not inner:
        return found
    image_format, width, height = header or (None, None, None)
    return judge(
        found.name,
        container,
        found.offset,
        found.size,
        where,
        width=width,
        height=height,
        image_format=image_format,
    )

"""The members of a WebDataset shard, grouped into samples and judged.

Layout (https://github.com/webdataset/webdataset, "The WebDataset Format"): members that stand together and share their
name up to the first dot of its last part are one sample; what follows the dot says what a member is. In timm's copies
of ImageNet-21k a sample is ``<stem>.jpg|.webp``, ``<stem>.cls`` and ``<stem>.json`` with ``label``, ``class_name`` (the
wnid), ``width``, ``height``; where it came from TFDS, the key can be a number, and ``filename`` names the image.
Labels are never looked at: each release numbers the classes differently.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeGuard

from pipeline.sources.archives.headers import Damage, Member
from pipeline.sources.base import BATCH_ENTRIES, Batch
from pipeline.sources.entries import identify, is_unsafe, is_utf8, reject
from pipeline.sources.probe import Header
from pipeline.sources.shards.rows import Offer, Row, refer, rows_to_table
from schemas.rejection import Rejection, RejectReason

MAX_MEMBERS = 1024
"""Members of a sample, so that none fills the memory; more are taken for several samples."""

_WNID = re.compile(r"n[0-9]{8}")


class Image(NamedTuple):
    """A member that is a picture by its name."""

    name: str
    offset: int
    size: int
    header: Header | None
    data: bytes | None


@dataclass(slots=True)
class Sample:
    """Members of one key that stand together."""

    key: str
    images: list[Image] = field(default_factory=list)
    sidecars: list[str] = field(default_factory=list)
    """Names of all other members."""
    facts: bytes | None = None
    """The ``.json``."""
    members: int = 0
    held: int = 0


def split_name(name: str) -> tuple[str, str]:
    """Split a member's name into its sample's key and what it is of it.

    >>> split_name("part.1/n02018795_1761.seg.PNG")
    ('part.1/n02018795_1761', 'seg.png')
    """
    dot = name.find(".", name.rfind("/") + 1)
    return (name, "") if dot < 0 else (name[:dot], name[dot + 1 :].lower())


class _Facts(NamedTuple):
    """What a sidecar says, as far as it is believed."""

    image: tuple[str, str] | None
    """Id and wnid, off the file name."""
    content: dict[str, Any]

    @property
    def size(self) -> tuple[int, int] | tuple[None, None]:
        """Width and height, in pixels."""
        width, height = self.content.get("width"), self.content.get("height")
        return (width, height) if _is_length(width) and _is_length(height) else (None, None)


_NOTHING = _Facts(None, {})


def _parse(data: bytes) -> dict[str, Any] | None:
    """Read a sidecar; ``None`` when it is none."""
    try:
        content = json.loads(data.decode())  # loads() would guess the encoding first
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _is_length(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 < value < 2**31


class Listing:
    """What was found since the last batch."""

    def __init__(self, container: str, offer: Offer | None) -> None:
        self._container = container
        self._offer = offer
        self._is_named = is_utf8(container)
        self._rows: list[Row] = []
        self._rejections: list[Rejection] = []
        self._companions = 0

    def is_full(self, due: float) -> bool:
        """Whether it is time for a batch."""
        entries = len(self._rows) + len(self._rejections) + self._companions
        return entries > BATCH_ENTRIES - MAX_MEMBERS or time.monotonic() >= due

    def cut(self, position: int) -> Batch:
        """Make a batch of it, and begin anew."""
        batch = Batch(rows_to_table(self._rows), self._rejections, self._companions, position)
        self._rows, self._rejections, self._companions = [], [], 0
        return batch

    def reject_damage(self, damage: Damage) -> None:
        """Say where the archive breaks."""
        name = f": {damage.name}" if damage.name else ""
        detail = f"{self._container}{name}: {damage.problem} (byte {damage.offset})"
        self._rejections.append(reject(RejectReason.ARCHIVE_DAMAGED, detail, damage.name))

    def reject_odd(self, member: Member) -> None:
        """Reject a member that is no file, or called like none."""
        reason = RejectReason.UNSAFE_NAME if is_unsafe(member.name) else RejectReason.NOT_A_REGULAR_FILE
        self._reject(reason, member.name, image=member.name)

    def _reject(self, reason: RejectReason, name: str, why: str = "", image: str = "") -> None:
        detail = f"{self._container}: {name}" + (f": {why}" if why else "")
        self._rejections.append(reject(reason, detail, image))

    def finish(self, sample: Sample) -> None:
        """Judge a complete sample."""
        by_key = identify(f"{sample.key}.jpg")
        if not sample.images:
            for name in sample.sidecars:
                self._reject(RejectReason.SIDECAR_ALONE, name, "no image beside it", f"{sample.key}.jpg")
            return
        self._companions += len(sample.sidecars)
        facts = _NOTHING
        if sample.facts is not None:
            facts = self._trust(sample, by_key)
        identity = (by_key or facts.image) if self._is_named else None
        for image in sample.images:
            if identity is None:
                self._reject(RejectReason.NOT_AN_IMAGE_ID, image.name)
            else:
                self._take(image, identity, facts)

    def _trust(self, sample: Sample, by_key: tuple[str, str] | None) -> _Facts:
        """What the sidecar says, or nothing where it contradicts the name of its image, which rules."""
        content = _parse(sample.facts or b"")
        if content is None:
            self._distrust(sample, "no JSON object; its image stays")
            return _NOTHING
        wnid, filename = content.get("class_name"), content.get("filename")
        named = identify(filename) if isinstance(filename, str) else None
        identity = by_key or named
        if identity is None:
            return _NOTHING
        if wnid != identity[1] and isinstance(wnid, str) and _WNID.fullmatch(wnid):
            self._distrust(sample, f"says class {wnid} of {identity[0]}; the image's name rules")
            return _Facts(named, {})
        if named not in (None, identity):
            self._distrust(sample, f"says file {filename} of {identity[0]}; the image's name rules")
            return _NOTHING
        return _Facts(named, content)

    def _distrust(self, sample: Sample, why: str) -> None:
        """One companion turns into a rejection: of the sidecar, not of its image."""
        self._companions -= 1
        self._reject(RejectReason.SIDECAR_ALONE, f"{sample.key}.json", why)

    def _take(self, image: Image, identity: tuple[str, str], facts: _Facts) -> None:
        header = image.header
        width, height = (header.width, header.height) if header else facts.size
        image_format = header.format if header else None
        place = (*identity, self._container, image.offset, image.size)
        self._rows.append((*place, width, height, image_format))
        if self._offer is not None and image.data is not None:
            self._offer(refer(*place), image.data)

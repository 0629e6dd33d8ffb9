"""Small collections of synthetic photographs, the same pictures in any of the forms."""

from __future__ import annotations

import functools
import io
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

Form = Literal["tree", "tars", "tar", "tar_of_tars"]
FORMS: tuple[Form, ...] = ("tree", "tars", "tar", "tar_of_tars")


def make_collection(
    root: Path, form: Form, classes: Sequence[str], per_class: int, *, seed: int = 0, size: tuple[int, int] = (256, 240)
) -> Path:
    """Write ``per_class`` photographs of every class under ``root`` and return what ``source.path`` is to be.

    The same classes, numbers, seed and size give the same ids and the same bytes in every form.
    """
    root.mkdir(parents=True, exist_ok=True)
    files = {
        wnid: {f"{image_id}.JPEG": synthetic_photograph(image_id, seed, size) for image_id in _ids(wnid, per_class)}
        for wnid in classes
    }
    if form == "tree":
        for wnid, photographs in files.items():
            (root / wnid).mkdir()
            for name, data in photographs.items():
                (root / wnid / name).write_bytes(data)
        return root
    if form == "tars":
        for wnid, photographs in files.items():
            (root / f"{wnid}.tar").write_bytes(make_tar(photographs))
        return root
    path = root / "collection.tar"
    if form == "tar":
        path.write_bytes(make_tar({f"{wnid}/{name}": data for wnid in files for name, data in files[wnid].items()}))
    else:
        path.write_bytes(make_tar({f"{wnid}.tar": make_tar(photographs) for wnid, photographs in files.items()}))
    return path


def collection_ids(classes: Sequence[str], per_class: int) -> list[str]:
    """The ids of a collection, sorted."""
    return sorted(image_id for wnid in classes for image_id in _ids(wnid, per_class))


@functools.cache
def synthetic_photograph(image_id: str, seed: int = 0, size: tuple[int, int] = (256, 240)) -> bytes:
    """A JPEG of soft coloured patches under fine grain: not blank, and no near-duplicate of any other."""
    generator = np.random.default_rng([seed, zlib.crc32(image_id.encode())])
    patches = generator.integers(0, 256, (9, 9, 3), dtype=np.uint8)
    picture = np.asarray(Image.fromarray(patches).resize(size, Image.Resampling.BICUBIC), dtype=np.int16)
    grain = generator.integers(-12, 13, (size[1], size[0], 1), dtype=np.int16)
    file = io.BytesIO()
    Image.fromarray((picture + grain).clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=90)
    return file.getvalue()


def make_tar(members: dict[str, bytes]) -> bytes:
    """A plain tar of files, in the given order."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in members.items():
            archive.addfile(member(name, len(data)), io.BytesIO(data))
    return file.getvalue()


def member(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    """The header of one member."""
    info = tarfile.TarInfo(name)
    info.size = size
    info.type = kind
    return info


def pad(data: bytes) -> bytes:
    """Data filled up to whole blocks of 512 bytes."""
    return data + bytes(-len(data) % 512)


def _ids(wnid: str, count: int) -> list[str]:
    return [f"{wnid}_{number}" for number in range(1, count + 1)]

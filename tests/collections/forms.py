"""Writing the same files in every form in which people hold ImageNet-21k.

Layouts as published: ``fall11_whole.tar`` is a tar of class tars, ``winter21_whole.tar.gz`` the same compressed, with a
folder in front; WebDataset shards are those of the ``timm/imagenet-*-wds`` repositories, Parquet files those of the
``datasets`` library's Image feature.
"""

from __future__ import annotations

import io
import json
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Literal, get_args

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tests.collections.archives import gzip_tar, make_tar
from tests.collections.faults import File
from tests.collections.photographs import decode, encode

Form = Literal[
    "tree", "tars", "tar", "tar_of_tars", "tar.gz", "tar_of_tars.gz", "webdataset", "webdataset_webp", "parquet"
]
"""``tar``: flat. ``webdataset_webp``: every picture that can be decoded is encoded again, as timm's WebP shards are."""

FORMS: tuple[Form, ...] = get_args(Form)

PlainForm = Literal["tree", "tars", "tar", "tar_of_tars"]

PLAIN_FORMS: tuple[PlainForm, ...] = get_args(PlainForm)
"""Those on disk that can be read in any order and hold no more than the images."""

SHARDS = 3
"""Files of a WebDataset or Parquet form: the images of a class are spread over them."""

_ROWS = 8
"""Of a row group."""


def write_form(files: Sequence[File], root: Path, form: Form) -> Path:
    """Write files under ``root`` in a form, and return what ``source.path`` is to be.

    Args:
        files: sorted by folder and name.
        root: is made when it is not there.
        form: see ``Form``.
    """
    root.mkdir(parents=True, exist_ok=True)
    return _WRITERS[form](files, root)


def _write_tree(files: Sequence[File], root: Path) -> Path:
    for file in files:
        (root / file.folder).mkdir(exist_ok=True)
        (root / file.folder / file.name).write_bytes(file.data)
    return root


def _write_tars(files: Sequence[File], root: Path) -> Path:
    for folder, archive in _class_tars(files):
        (root / f"{folder}.tar").write_bytes(archive)
    return root


def _write_tar(files: Sequence[File], root: Path) -> Path:
    return _write(root / "collection.tar", make_tar({f"{file.folder}/{file.name}": file.data for file in files}))


def _write_tar_of_tars(files: Sequence[File], root: Path) -> Path:
    return _write(root / "collection.tar", _tar_of_tars(files, ""))


def _write_tar_gz(files: Sequence[File], root: Path) -> Path:
    archive = make_tar({f"{file.folder}/{file.name}": file.data for file in files})
    return _write(root / "collection.tar.gz", gzip_tar(archive))


def _write_tar_of_tars_gz(files: Sequence[File], root: Path) -> Path:
    return _write(root / "winter21_whole.tar.gz", gzip_tar(_tar_of_tars(files, "winter21_whole/")))


def _write_webdataset(files: Sequence[File], root: Path) -> Path:
    return _write_shards(files, root, "jpg", lambda data: data)


def _write_webdataset_webp(files: Sequence[File], root: Path) -> Path:
    return _write_shards(files, root, "webp", _as_webp)


def _write_shards(files: Sequence[File], root: Path, suffix: str, convert: Callable[[bytes], bytes]) -> Path:
    classes = sorted({file.folder for file in files})
    names, lengths = [], []
    for number, shard in enumerate(_spread(files)):
        members = {}
        for file in shard:
            key, data = file.name.rpartition(".")[0], convert(file.data)
            label = classes.index(file.folder)
            sidecar = {"label": label, "class_name": file.folder[:9], **_size_of(data)}
            members[f"{key}.cls"] = str(label).encode()
            members[f"{key}.{suffix}"] = data
            members[f"{key}.json"] = json.dumps(sidecar).encode()
        names.append(f"imagenet-train-{number:04}.tar")
        lengths.append(len(shard))
        (root / names[-1]).write_bytes(make_tar(members))
    split = {"name": "train", "num_samples": len(files), "filenames": names, "shard_lengths": lengths}
    _write(root / "_info.json", json.dumps({"splits": {"train": split}}).encode())
    return root


def _write_parquet(files: Sequence[File], root: Path) -> Path:
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("image", image), ("label", pa.int64())])
    for number, shard in enumerate(_spread(files)):
        rows = [{"image": {"bytes": file.data, "path": file.name}, "label": 0} for file in shard]
        path = root / "data" / f"train-{number:05}-of-{SHARDS:05}.parquet"
        path.parent.mkdir(exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, row_group_size=_ROWS)
    return root


_WRITERS: dict[Form, Callable[[Sequence[File], Path], Path]] = {
    "tree": _write_tree,
    "tars": _write_tars,
    "tar": _write_tar,
    "tar_of_tars": _write_tar_of_tars,
    "tar.gz": _write_tar_gz,
    "tar_of_tars.gz": _write_tar_of_tars_gz,
    "webdataset": _write_webdataset,
    "webdataset_webp": _write_webdataset_webp,
    "parquet": _write_parquet,
}


def _class_tars(files: Sequence[File]) -> Iterator[tuple[str, bytes]]:
    for folder, group in groupby(files, key=lambda file: file.folder):
        yield folder, make_tar({file.name: file.data for file in group})


def _tar_of_tars(files: Sequence[File], prefix: str) -> bytes:
    return make_tar({f"{prefix}{folder}.tar": archive for folder, archive in _class_tars(files)})


def _spread(files: Sequence[File]) -> list[list[File]]:
    """Shuffle files and deal them out. Of two with one id the one that other forms meet first comes first here too."""
    shuffled = sorted(files, key=lambda file: (file.name.count("_") > 1, zlib.crc32(file.name.encode())))
    length = -(-len(files) // SHARDS)
    return [shuffled[start : start + length] for start in range(0, len(files), length)]


def _size_of(data: bytes) -> dict[str, int]:
    """What a sidecar's author could find out with Pillow, before the image is decoded."""
    with warnings.catch_warnings(action="ignore"):  # Pillow's, of odd EXIF data
        try:
            with Image.open(io.BytesIO(data)) as picture:
                return {"width": picture.width, "height": picture.height}
        except (OSError, Image.DecompressionBombError):
            return {}


def _as_webp(data: bytes) -> bytes:
    with warnings.catch_warnings(action="ignore"):
        try:
            return encode(decode(data), "WEBP", quality=90)
        except (OSError, Image.DecompressionBombError):
            return data


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path

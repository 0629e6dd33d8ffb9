"""The benchmark's photographs, as the engines' own code reads pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from eval.benchmark.storage import Benchmark, read_items
from pipeline.generation import AskedImage
from pipeline.progress import Progress
from pipeline.tables import damage_explained
from schemas.errors import DatasetError, SourceError
from schemas.identity import rank
from schemas.image import ImageRef

ORDER_SEED = 0
"""Of the order in which items are asked about: the same for every model, and its beginning a fair sample."""


@dataclass(frozen=True, slots=True)
class BenchmarkPictures:
    """Reads single photographs of a benchmark: :class:`~pipeline.sources.base.Pictures`.

    A reference names a Parquet file and a row. Each reading opens the file and takes the row's group of some 6 MB out
    of it, in about 10 ms; nothing is shared between threads.

    Args:
        root: the benchmark's folder.
    """

    root: Path

    def prepare(self, refs: Iterable[ImageRef], progress: Progress) -> None:
        """Nothing is to be done: all is on disk."""

    def read(self, ref: ImageRef) -> bytes:
        """The bytes of one photograph.

        Raises:
            SourceError: the file is missing or damaged, or holds no picture there.
        """
        path = self.root / ref.container
        with (
            damage_explained(path, SourceError, "copy or build the benchmark again"),
            pq.ParquetFile(path) as file,
        ):
            group, row = _locate(file.metadata, ref.offset)
            pictures = file.read_row_group(group, ["image.bytes"]).column("image")
            data = pictures[row].as_py()["bytes"]
        if not isinstance(data, bytes):
            raise SourceError(f"{ref.image_id}: {path} holds no picture of it", "copy or build the benchmark again")
        return data

    def file_of(self, ref: ImageRef) -> Path | None:  # noqa: ARG002 - the protocol's
        """No photograph is a file of its own."""
        return None


def survey(benchmark: Benchmark, progress: Progress) -> list[AskedImage]:
    """Find every item's photograph, in the order in which models are asked.

    Raises:
        DatasetError: the benchmark holds no photographs, or a file is missing or damaged.
    """
    if not benchmark.manifest.pictures:
        raise DatasetError(
            f"{benchmark.root}: holds no photographs, and no model can be asked without them",
            "build it from a dataset with pictures; predictions can be scored with it as it is",
        )
    with progress.task("find pictures", benchmark.manifest.items, "items") as task:
        images = []
        for image in _find(benchmark):
            images.append(image)
            task.advance()
    return sorted(images, key=lambda image: (rank(ORDER_SEED, image.ref.image_id), image.ref.image_id))


def _find(benchmark: Benchmark) -> Iterator[AskedImage]:
    for path in benchmark.data_files:
        for row, item in enumerate(read_items(path, pictures=True)):
            if item.image is None:
                raise DatasetError(f"{path}: item {item.key} has no photograph", "copy or build the benchmark again")
            data, container = item.image.bytes, path.relative_to(benchmark.root).as_posix()
            ref = ImageRef(image_id=item.key, wnid=item.wnid, container=container, offset=row, size=len(data))
            yield AskedImage(ref, hashlib.sha256(data).hexdigest())


def _locate(metadata: pq.FileMetaData, row: int) -> tuple[int, int]:
    """The row group that a row lies in, and its place there."""
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group).num_rows
        if row < rows:
            return group, row
        row -= rows
    raise pa.ArrowInvalid(f"it has no row {row:,}")

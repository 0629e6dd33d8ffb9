"""Where the reader's copy of the collection holds the pictures that are wanted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.progress import Progress
from pipeline.sources import IndexOptions, IndexSummary, Source, build_index, open_source
from pipeline.sources.index import IMAGES, PARTS
from pipeline.sources.index.parts import Parts
from pipeline.sources.keeping import Keep
from pipeline.tables import damage_explained
from schemas.config import SourceConfig
from schemas.derived import arrow_schema
from schemas.image import ImageRef


@dataclass(frozen=True, slots=True)
class Places:
    """The source, and where in it each wanted picture lies. Some 200 bytes in memory per picture that it lists."""

    source: Source
    """With which pictures are read; light enough to go to worker processes with every shard."""
    summary: IndexSummary
    state: str
    """Digest of all that the listing depends on: another one when anything in the source changes."""
    table: pa.Table
    """Of the schema of ``ImageRef``."""
    rows: dict[str, int]
    """By image id."""

    def refs(self, image_ids: Iterable[str]) -> Iterator[ImageRef]:
        """References to those of some images that the source lists."""
        for image_id in image_ids:
            row = self.rows.get(image_id)
            if row is not None:
                yield ImageRef(**{name: self.table[name][row].as_py() for name in self.table.column_names})


def find_places(
    config: SourceConfig, wanted: pa.StringArray, index: Path, candidates: Path, progress: Progress
) -> Places:
    """Index a source, and look the wanted pictures up.

    Of a source that can only be streamed just these pictures are kept as they pass, so that one pass serves for both.

    Args:
        config: where it lies, and how it is read.
        wanted: ids of images.
        index: folder of the index; what an interrupted start left there is gone on with.
        candidates: folder of what is kept of a stream.
        progress: where to tell how it goes.

    Raises:
        SourceError: the source cannot be read, or holds no image.
        OSError: a folder cannot be written.
    """
    ids = frozenset(wanted.to_pylist())
    reading = Keep(candidates, seed=0, per_class=max(1, len(ids)), wanted=frozenset())
    passing = replace(reading, wanted=frozenset(image_id.partition("_")[0] for image_id in ids), ids=ids)
    summary = build_index(open_source(config, passing), index, progress, IndexOptions.of(config))
    table = pa.concat_tables([arrow_schema(ImageRef).empty_table(), *_look_up(index / IMAGES, wanted)]).combine_chunks()
    rows = {image_id: row for row, image_id in enumerate(table["image_id"].to_pylist())}
    return Places(open_source(config, reading), summary, _state_of(index / PARTS), table, rows)


def _look_up(images: Path, wanted: pa.StringArray) -> Iterator[pa.Table]:
    schema = arrow_schema(ImageRef)
    with damage_explained(images), pq.ParquetFile(images) as file:
        for batch in file.iter_batches(columns=schema.names):
            found = batch.filter(pc.is_in(batch["image_id"], value_set=wanted))
            if len(found):
                yield pa.Table.from_batches([found]).select(schema.names).cast(schema)


def _state_of(parts: Path) -> str:
    keys = {stored.stretch.key for stored in Parts(parts).refresh()}
    return hashlib.sha256("\n".join(sorted(keys)).encode()).hexdigest()

"""A source listed to its end, as the index does it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pipeline.sources.base import Container, Source
from schemas.derived import arrow_schema
from schemas.image import ImageRef, IndexedImage
from schemas.rejection import Rejection


@dataclass
class Listing:
    """All batches of some containers together."""

    images: pa.Table = field(default_factory=lambda: arrow_schema(IndexedImage).empty_table())
    rejections: list[Rejection] = field(default_factory=list)
    companions: int = 0
    positions: list[int] = field(default_factory=list)

    @property
    def rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.images.to_pylist()
        return rows

    @property
    def ids(self) -> list[str]:
        return [row["image_id"] for row in self.rows]

    @property
    def sizes(self) -> dict[str, tuple[int | None, int | None, str | None]]:
        """Width, height and format by id."""
        return {row["image_id"]: (row["width"], row["height"], row["format"]) for row in self.rows}

    @property
    def refs(self) -> list[ImageRef]:
        return [ImageRef(**{name: row[name] for name in ImageRef.model_fields}) for row in self.rows]

    @property
    def entries(self) -> int:
        return len(self.images) + len(self.rejections) + self.companions

    def reasons(self) -> list[tuple[str, str]]:
        return [(rejection.reason.value, rejection.detail) for rejection in self.rejections]


def list_source(source: Source) -> Listing:
    """Every entry of a source."""
    listing = Listing()
    for container in source.containers():
        add(listing, source, container, container.start)
        assert listing.positions[-1] == container.end
    return listing


def list_container(source: Source, container: Container, start: int) -> Listing:
    """Every entry of a container from a position on."""
    listing = Listing()
    add(listing, source, container, start)
    return listing


def add(listing: Listing, source: Source, container: Container, start: int) -> None:
    for batch in source.scan(container, start):
        assert batch.images.schema == arrow_schema(IndexedImage)
        listing.images = pa.concat_tables([listing.images, batch.images])
        listing.rejections += batch.rejections
        listing.companions += batch.companions
        listing.positions.append(batch.position)

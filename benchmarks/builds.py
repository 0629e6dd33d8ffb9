"""Builds to measure: a tar of made pictures, two teachers on the instant engine, no orchestrator."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

from benchmarks.photographs import cut_photographs
from pipeline import stages
from pipeline.tars import END_OF_ARCHIVE, tar_member
from pipeline.taxonomy import load_taxonomy
from schemas.config import (
    BuildConfig,
    GenerationConfig,
    PackingConfig,
    ScreeningConfig,
    SelectionConfig,
    SourceConfig,
    TeacherConfig,
)
from schemas.engines import CustomEngine

TEACHERS = ("glm-4.1v-9b-thinking", "kimi-vl-a3b-thinking-2506")

IMAGES_PER_SHARD = 500
"""Fewer than the default, so that a thousand images already make work for two processes."""

_CLASSES = 50
_FIRST_NUMBER = 900_001
"""Beyond ImageNet's own."""


def write_source(path: Path, pictures: Iterable[bytes]) -> None:
    """Write pictures as one tar, the classes taking turns."""
    taxonomy = load_taxonomy()
    people = taxonomy.subtree("n00007846")
    wanted = [wnid for wnid in taxonomy if taxonomy.label(wnid) is not None and wnid not in people]
    classes = itertools.cycle(wanted[:: len(wanted) // _CLASSES])
    with path.open("wb") as file:
        for number, (wnid, picture) in enumerate(zip(classes, pictures, strict=False), start=_FIRST_NUMBER):
            file.write(tar_member(f"{wnid}/{wnid}_{number}.JPEG", picture))
        file.write(END_OF_ARCHIVE)


def configure(source: Path, images: int, workers: int) -> BuildConfig:
    """A build of all images of a source; 0 workers take one per core."""
    engine = CustomEngine(kind="custom", factory="benchmarks.instant_engine:create")
    return BuildConfig(
        source=SourceConfig(path=str(source), form="tar"),
        screening=ScreeningConfig(workers=workers),
        selection=SelectionConfig(images=images),
        teachers=tuple(TeacherConfig(name=name, engine=engine) for name in TEACHERS),
        generation=GenerationConfig(prepare_workers=workers),
        packing=PackingConfig(workers=workers, images_per_shard=IMAGES_PER_SHARD),
    )


def generate_all(directory: Path, images: int) -> stages.Build:
    """A build of photographs that only has to be packed, everything in one process."""
    source = directory / "source.tar"
    write_source(source, cut_photographs(images))
    build = stages.open_build(configure(source, images, workers=1), directory / "run")
    stages.index(build)
    stages.select(build)
    for teacher in TEACHERS:
        stages.generate(build, teacher)
    return build


def pack_photographs(directory: Path, images: int) -> Path:
    """A packed dataset of photographs with two pairs each."""
    build = generate_all(directory, images)
    stages.pack_dataset(build)
    return build.run.dataset

"""A packed dataset of real files with real faults, its annotations, and readers' copies of the collection."""

from __future__ import annotations

import contextlib
import gzip
import io
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from pipeline import stages
from pipeline.packed import PackedDataset, open_dataset
from pipeline.packing.card import Placement
from pipeline.packing.sidecars import MANIFEST_FILE, render_manifest
from pipeline.progress import Progress, Silent
from pipeline.publishing.editions import stage_release
from pipeline.publishing.rejoin import NotExact, RejoinOptions, RejoinReport, rejoin
from pipeline.tables import read_rows
from schemas.config import SourceConfig
from schemas.loading import parse_config
from schemas.manifest import DatasetManifest
from tests.collections import Collection, Form
from tests.collections.photographs import encode

CLASSES = ("n01440764", "n02123045", "n07920052", "n04099429")
ODD = (
    "png_named_jpeg",
    "webp_named_jpeg",
    "gzip_named_jpeg",
    "cmyk",
    "sideways",
    "corrupt_exif",
    "near_duplicate",
    "doubled_stem",
    "renamed_folder",
    "other_suffix",
    "duplicate_id",
    "truncated",
    "exact_duplicate",
)
"""Faults of files that are usable all the same, and two that are not: they are in the collection alone."""
COLLECTION = Collection(CLASSES, per_class=5, faults=ODD)
FORM_OF_BUILD: Form = "tree"


@dataclass(frozen=True)
class Published:
    """What was packed, and what of it was published."""

    packed: Path
    annotations: Path

    @property
    def dataset(self) -> PackedDataset:
        return open_dataset(self.annotations)

    @property
    def ids(self) -> list[str]:
        """In the order of the shards."""
        dataset = self.dataset
        return [row.key for shard in dataset.shards() for row in dataset.read(shard)]


def publish(folder: Path) -> Published:
    """Build a dataset of the collection with the embedded engine, and its annotations."""
    path = COLLECTION.write(folder / "images", FORM_OF_BUILD)
    text = f"""
        source: {{path: "{path}", workers: 1}}
        screening: {{workers: 1}}
        selection: {{images: 1000, holdout: {{synset_share: 0.3, image_share: 0.1}}}}
        teachers:
          - {{name: glm-4.1v-9b-thinking, engine: {{kind: pixels}}}}
          - {{name: kimi-vl-a3b-thinking-2506, engine: {{kind: pixels}}}}
        generation: {{prepare_workers: 1}}
        packing: {{images_per_shard: 7, workers: 1}}
        """
    build = stages.open_build(parse_config(text, "test"), folder / "run")
    stages.index(build)
    stages.select(build)
    for teacher in build.config.teachers:
        stages.generate(build, teacher.name)
    stages.pack_dataset(build)
    return Published(build.run.dataset, annotate(build.run.dataset, folder / "annotations"))


def annotate(packed: Path, folder: Path) -> Path:
    """The annotations of a dataset."""
    return stage_release(open_dataset(packed), folder, "annotations", Placement(), Silent(), workers=1).root


def put_back(
    published: Published | str,
    source: Path | str,
    out: Path,
    *,
    allow_missing: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
) -> RejoinReport:
    annotations = str(published.annotations) if isinstance(published, Published) else published
    options = RejoinOptions(annotations, SourceConfig(path=str(source), workers=1), out, allow_missing, workers)
    return rejoin(options, progress or Silent())


def write_copy(folder: Path) -> Path:
    """A reader's copy of the collection, to be changed."""
    return COLLECTION.write(folder, "tree")


def file_of(copy: Path, image_id: str) -> Path:
    """The file of an id in a copy; of several the one that counts."""
    return min(copy.rglob(f"*{image_id}.*"), key=lambda path: (len(path.name), path))


def encode_again(copy: Path, change: Callable[[bytes], bytes]) -> None:
    """Write every file of a copy anew."""
    for path in copy.rglob("*.*"):
        with contextlib.suppress(OSError):  # of a file that is no picture
            path.write_bytes(change(path.read_bytes()))


def as_webp(data: bytes) -> bytes:
    """Encode a picture as whoever turns it upright first."""
    plain = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
    with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(plain)) as picture:  # of odd EXIF data
        return encode(ImageOps.exif_transpose(picture).convert("RGB"), "WEBP", quality=90)


def listing(report: RejoinReport) -> list[NotExact]:
    return list(read_rows(Path(report.listing), NotExact))


def copied(annotations: Path, folder: Path) -> Path:
    """Annotations to damage."""
    return shutil.copytree(annotations, folder)


def sign(root: Path, **changes: object) -> None:
    """Change the manifest of annotations so that only what it says of pictures can tell."""
    path = root / MANIFEST_FILE
    manifest = DatasetManifest.model_validate_json(path.read_bytes()).model_copy(update=changes)
    path.write_bytes(render_manifest(manifest.signed()))

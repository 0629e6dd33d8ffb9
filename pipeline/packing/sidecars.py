"""The small files beside the shards. Each is a function of what was packed, so that any of them can be checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pipeline.packing.croissant import describe_for_croissant
from pipeline.packing.terms import read_imagenet_terms
from pipeline.taxonomy import read_wordnet_licence
from schemas.derived import JSON_SCHEMA_ID, json_schema
from schemas.image import SPLITS, Split
from schemas.manifest import DatasetManifest, Edition, ShardEntry
from schemas.releases import Release, Releases
from schemas.statistics import DatasetStatistics

MANIFEST_FILE = "manifest.json"
SUMS_FILE = "SHA256SUMS"
CARD_FILE = "README.md"
INFO_FILE = "_info.json"
CROISSANT_FILE = "croissant.json"
REJECTIONS_FILE = "rejections.parquet"
SCHEMA_FILE = f"schema/{JSON_SCHEMA_ID}.schema.json"
WORDNET_FILE = "LICENSE-WORDNET.txt"
STATISTICS_FILE = "statistics.json"
RELEASES_FILE = "releases.json"
"""Only of what is published: the versions so far."""
IMAGENET_FILE = "LICENSE-IMAGENET.txt"
"""Only where there are pictures."""

OPTIONAL_FILES = (IMAGENET_FILE, RELEASES_FILE)
"""Files that not every dataset has."""

_SIDE_FILES = (CROISSANT_FILE, INFO_FILE, REJECTIONS_FILE, SCHEMA_FILE, STATISTICS_FILE, WORDNET_FILE)
SIDE_FILES: Mapping[Edition, tuple[str, ...]] = MappingProxyType(
    {"pictures": (IMAGENET_FILE, *_SIDE_FILES), "annotations": _SIDE_FILES}
)
"""The files that a manifest lists beside the shards."""


def render_sidecars(manifest: DatasetManifest, statistics: DatasetStatistics) -> dict[str, bytes]:
    """The side files by path.

    Args:
        manifest: of the dataset; its ``files`` and its digest, which depend on what is made here, are not looked at.
        statistics: of its records.
    """
    pictures = {IMAGENET_FILE: read_imagenet_terms().encode()} if manifest.edition == "pictures" else {}
    return {
        **pictures,
        CROISSANT_FILE: _render_json(describe_for_croissant(manifest, statistics)),
        INFO_FILE: render_info(manifest.shards),
        SCHEMA_FILE: _render_json(json_schema()),
        STATISTICS_FILE: _render_json(statistics.model_dump(mode="json")),
        WORDNET_FILE: read_wordnet_licence(),
    }


def render_info(shards: tuple[ShardEntry, ...]) -> bytes:
    """The splits as timm's WebDataset reader wants them (``timm/data/readers/reader_wds.py``)."""
    splits = {
        split: {
            "name": split,
            "num_samples": sum(shard.images for shard in held),
            "filenames": [shard.path for shard in held],
            "shard_lengths": [shard.images for shard in held],
        }
        for split, held in shards_by_split(shards).items()
    }
    return _render_json({"splits": splits})


def render_manifest(manifest: DatasetManifest) -> bytes:
    """The manifest for machines and people."""
    return _render_json(manifest.model_dump(mode="json"))


def render_releases(releases: tuple[Release, ...]) -> bytes:
    """The published versions for machines."""
    return _render_json(Releases(releases=releases).model_dump(mode="json"))


def render_sums(manifest: DatasetManifest, others: Mapping[str, str]) -> bytes:
    """All files' digests as ``sha256sum --check`` reads them, by path.

    Args:
        manifest: lists the shards and most other files.
        others: digests of the files that the manifest does not list, by path.
    """
    digests = list_files(manifest) | dict(others)
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(digests.items())).encode()


def list_files(manifest: DatasetManifest) -> dict[str, str]:
    """Digests by path of all files that a manifest lists: shards, preview and side files."""
    preview = () if manifest.preview is None else (manifest.preview,)
    return {shard.path: shard.sha256 for shard in (*manifest.shards, *preview)} | manifest.files


def shards_by_split(shards: tuple[ShardEntry, ...]) -> dict[Split, list[ShardEntry]]:
    """Shards of each split that has any."""
    groups = {split: [shard for shard in shards if shard.split == split] for split in SPLITS}
    return {split: held for split, held in groups.items() if held}


def _render_json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()

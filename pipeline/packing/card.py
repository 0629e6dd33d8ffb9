"""The dataset's card: every number in it, and the YAML that loaders read, come from the manifest and the models."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any

import jinja2
import pyarrow as pa
import yaml

from pipeline.packing.layout import DATA_DIRECTORY
from pipeline.packing.sidecars import RELEASES_FILE, render_releases, shards_by_split
from schemas.completion import Rung
from schemas.derived import card_features_yaml, record_arrow_schema
from schemas.manifest import DatasetManifest
from schemas.releases import Release
from schemas.statistics import DatasetStatistics

CONFIG_NAME = "default"
PIXELS_ENGINE = "pixels"
"""The embedded engine: its texts were written by no model."""

_FENCE = "---\n"
_TEMPLATE = "dataset_card.md"
_SIZE_CATEGORIES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a dataset is published."""

    repo_id: str | None = None
    """``OWNER/NAME`` on the hub; ``None`` for a folder that is not published."""
    releases: tuple[Release, ...] = ()
    """What was published there, the newest (this one) first."""

    def extras(self) -> dict[str, bytes]:
        """Files by path that only a published dataset has."""
        return {RELEASES_FILE: render_releases(self.releases)} if self.releases else {}


def render_card(manifest: DatasetManifest, statistics: DatasetStatistics, placement: Placement) -> bytes:
    """The dataset's ``README.md``."""
    text = _load_template().render(
        front_matter=yaml.safe_dump(_front_matter(manifest), sort_keys=False, allow_unicode=True, width=120),
        manifest=manifest,
        statistics=statistics,
        placement=placement,
        prompt=manifest.prompt,
        splits=shards_by_split(manifest.shards),
        fields=list(_list_fields(record_arrow_schema())),
        rungs=[rung for rung in Rung if any(rung in teacher.pairs_by_rung for teacher in manifest.teachers)],
        pixels=[teacher.name for teacher in manifest.teachers if PIXELS_ENGINE in teacher.engine.split(", ")],
    )
    return f"{text.rstrip()}\n".encode()


def loading_metadata(manifest: DatasetManifest) -> dict[str, Any]:
    """The part of the card's YAML that decides what ``load_dataset`` makes of the files.

    Without ``features`` the loader guesses types from five rows, and silently bends or drops what does not fit;
    without ``num_examples`` it does not notice lost rows. Splits without images are left out.
    """
    splits = shards_by_split(manifest.shards)
    sizes = {split: sum(shard.bytes for shard in held) for split, held in splits.items()}
    files = [{"split": split, "path": f"{DATA_DIRECTORY}/{split}-*.tar"} for split in splits]
    counts = [
        {"name": split, "num_bytes": sizes[split], "num_examples": sum(shard.images for shard in held)}
        for split, held in splits.items()
    ]
    total = sum(sizes.values())
    return {
        "configs": [{"config_name": CONFIG_NAME, "default": True, "data_files": files}],
        "dataset_info": [
            {
                "config_name": CONFIG_NAME,
                "features": card_features_yaml(manifest.edition),
                "splits": counts,
                "download_size": total,
                "dataset_size": total,
            }
        ],
    }


def read_front_matter(card: str) -> dict[str, Any]:
    """The YAML at the head of a card.

    Raises:
        ValueError: there is none, or it is no YAML mapping.
    """
    head, fence, rest = card.partition(_FENCE)
    text, end, _ = rest.partition(f"\n{_FENCE}")
    if head or not fence or not end:
        raise ValueError("the card does not begin with YAML between two lines of ---")
    try:
        fields = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"the card's YAML cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(fields, dict):
        raise ValueError("the card's YAML is no mapping")  # noqa: TRY004 - one error for all that is wrong with it
    return fields


@functools.cache
def _load_template() -> jinja2.Template:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)  # noqa: S701 - Markdown
    environment.filters["count"] = "{:,}".format
    return environment.from_string(resources.files(__package__).joinpath(_TEMPLATE).read_text("utf-8"))


def _front_matter(manifest: DatasetManifest) -> dict[str, Any]:
    return {
        "pretty_name": manifest.name,
        "language": [manifest.prompt.language],
        "license": "other",
        "license_name": "imagenet-terms-and-model-licences",
        "license_link": "https://www.image-net.org/download.php",
        "task_categories": ["image-text-to-text", "visual-question-answering"],
        "annotations_creators": ["machine-generated"],
        "source_datasets": ["extended|imagenet-21k"],
        "size_categories": [_size_category(manifest.packed)],
        "tags": ["webdataset", "imagenet", "reasoning", "chain-of-thought", "synthetic", "distillation"],
        **loading_metadata(manifest),
    }


def _size_category(rows: int) -> str:
    return next((name for limit, name in _SIZE_CATEGORIES if rows < limit), "1M<n<10M")


def _list_fields(fields: Iterable[pa.Field], path: str = "") -> Iterator[tuple[str, str]]:
    """Dotted names and types of all leaves of the record, e.g. ``("pairs[].answer", "string")``."""
    for field in fields:
        name, kind, suffix = f"{path}{field.name}", field.type, " or null" if field.nullable else ""
        while pa.types.is_list(kind):
            name, kind = f"{name}[]", kind.value_type
        if pa.types.is_struct(kind):
            yield from _list_fields(kind, f"{name}.")
        else:
            yield name, f"{kind}{suffix}"

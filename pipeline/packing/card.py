"""The dataset's card: every number in it, and the YAML that loaders read, come from the manifest and the models."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import jinja2
import pyarrow as pa
import yaml

from pipeline.packing.card_numbers import compute_numbers, format_share
from pipeline.packing.citation import read_citation
from pipeline.packing.layout import DATA_DIRECTORY
from pipeline.packing.records import MEMBERS
from pipeline.packing.sidecars import CARD_FILE, RELEASES_FILE, render_releases, shards_by_split
from pipeline.packing.terms import IMAGENET_TERMS_URL, read_imagenet_terms
from schemas.derived import card_features_yaml, record_arrow_schema
from schemas.image import Split
from schemas.manifest import DatasetManifest, Edition, ShardEntry
from schemas.releases import RELEASE_ID_DIGITS, Release
from schemas.statistics import DatasetStatistics

CONFIG_NAME = "default"
PREVIEW_CONFIG = "preview"
_FENCE = "---\n"
_TEMPLATE = "dataset_card.md"
_HUB_LICENCES = {"MIT": "mit", "Apache-2.0": "apache-2.0"}
"""The hub's names (<https://huggingface.co/docs/hub/repositories-licenses>) of licences that teachers have."""
_SIZE_CATEGORIES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B")
"""The hub's names, each but the first from a power of ten of at least 1,000 to the next."""
_YAML_ERRORS = (yaml.YAMLError, AttributeError, LookupError, RecursionError, ValueError)
"""What PyYAML raises: its own errors, and of values that are not what their tag says whatever comes up."""


_Splits = Mapping[Split, tuple[str, Sequence[ShardEntry]]]
"""What ``load_dataset`` finds a configuration's splits by, and the shards that it finds."""


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
    """The dataset's ``README.md``.

    Args:
        manifest: of the dataset, signed: the card names its digest.
        statistics: of its records.
        placement: where it is published, if it is.
    """
    front_matter = _front_matter(manifest, placement)
    text = _load_template().render(
        front_matter=yaml.dump(front_matter, Dumper=_BlockDumper, sort_keys=False, allow_unicode=True, width=120),
        manifest=manifest,
        statistics=statistics,
        placement=placement,
        where=placement.repo_id or "path/to/this/folder",
        release_id=manifest.sha256[:RELEASE_ID_DIGITS],
        has_pictures=manifest.edition == "pictures",
        members=", ".join(f"`{{key}}.{suffix}`" for suffix in MEMBERS[manifest.edition]),
        prompt=manifest.prompt,
        citation=read_citation(),
        splits=shards_by_split(manifest.shards),
        fields=list(_list_fields(record_arrow_schema())),
        pixels=[teacher.name for teacher in manifest.teachers if teacher.is_measured],
        **compute_numbers(manifest, statistics),
    )
    return f"{text.rstrip()}\n".encode()


def loading_metadata(manifest: DatasetManifest) -> dict[str, Any]:
    """The part of the card's YAML that decides what ``load_dataset`` makes of the files.

    Without ``features`` the loader guesses types from five rows, and silently bends or drops what does not fit;
    without ``num_examples`` it does not notice lost rows. Splits without images are left out. The preview is a
    configuration of its own, so that neither a glance nor the hub's viewer needs a whole shard.
    """
    splits = {
        split: (f"{DATA_DIRECTORY}/{split}-*.tar", held) for split, held in shards_by_split(manifest.shards).items()
    }
    configs: dict[str, _Splits] = {CONFIG_NAME: splits}
    if manifest.preview is not None:
        configs[PREVIEW_CONFIG] = {manifest.preview.split: (manifest.preview.path, [manifest.preview])}
    return {
        "configs": [_loading_config(name, files) for name, files in configs.items()],
        "dataset_info": [_loading_info(name, files, manifest.edition) for name, files in configs.items()],
    }


def _loading_config(name: str, splits: _Splits) -> dict[str, Any]:
    files = [{"split": split, "path": path} for split, (path, _) in splits.items()]
    return {"config_name": name, **({"default": True} if name == CONFIG_NAME else {}), "data_files": files}


def _loading_info(name: str, splits: _Splits, edition: Edition) -> dict[str, Any]:
    counts = [
        {
            "name": split,
            "num_bytes": sum(shard.bytes for shard in shards),
            "num_examples": sum(shard.images for shard in shards),
        }
        for split, (_, shards) in splits.items()
    ]
    total = sum(shard.bytes for _, shards in splits.values() for shard in shards)
    return {
        "config_name": name,
        "features": card_features_yaml(edition),
        "splits": counts,
        "download_size": total,
        "dataset_size": total,
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
    except _YAML_ERRORS as error:
        raise ValueError(f"the card's YAML cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(fields, dict):
        raise ValueError("the card's YAML is no mapping")  # noqa: TRY004 - one error for all that is wrong with it
    return fields


class _BlockDumper(yaml.SafeDumper):
    """Writes text of several lines as it stands."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_BlockDumper.add_representer(str, _represent_text)


@functools.cache
def _load_template() -> jinja2.Template:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)  # noqa: S701 - Markdown
    environment.filters |= {"count": "{:,}".format, "mean": "{:,.1f}".format, "share": format_share}
    return environment.from_string(resources.files(__package__).joinpath(_TEMPLATE).read_text("utf-8"))


def _front_matter(manifest: DatasetManifest, placement: Placement) -> dict[str, Any]:
    return {
        "pretty_name": manifest.name,
        "language": [manifest.prompt.language],
        **_licence(manifest),
        **(_gate() if manifest.edition == "pictures" and placement.repo_id else {}),
        "task_categories": ["image-text-to-text", "visual-question-answering"],
        "annotations_creators": ["machine-generated"],
        "source_datasets": ["extended|imagenet-21k"],
        "size_categories": [_size_category(manifest.packed)],
        "tags": ["webdataset", "imagenet", "reasoning", "chain-of-thought", "synthetic", "distillation"],
        **loading_metadata(manifest),
    }


def _licence(manifest: DatasetManifest) -> dict[str, str]:
    """What the hub shows as the licence: with pictures inside never an open one, else that of the texts."""
    if manifest.edition == "pictures":
        name, link = "imagenet-terms-and-model-licences", IMAGENET_TERMS_URL
        return {"license": "other", "license_name": name, "license_link": link}
    licences = {teacher.licence for teacher in manifest.teachers}
    known = _HUB_LICENCES.get(licences.pop()) if len(licences) == 1 else None
    if known is not None:
        return {"license": known}
    return {"license": "other", "license_name": "model-licences", "license_link": CARD_FILE}


def _gate() -> dict[str, Any]:
    """What the hub asks of whoever wants the files (<https://huggingface.co/docs/hub/datasets-gated>)."""
    return {
        "extra_gated_heading": "The pictures are under ImageNet's terms of access",
        "extra_gated_prompt": read_imagenet_terms(),
        "extra_gated_fields": {
            "Full name": "text",
            "Affiliation": "text",
            "I use the pictures for non-commercial research or education only": "checkbox",
            "I accept ImageNet's terms of access": "checkbox",
        },
        "extra_gated_button_content": "Accept, and ask for access",
    }


def _size_category(rows: int) -> str:
    powers = (10**exponent for exponent in range(3, 2 + len(_SIZE_CATEGORIES)))
    return _SIZE_CATEGORIES[sum(rows >= power for power in powers)]


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

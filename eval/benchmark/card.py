"""The benchmark's card: what the set is, and the YAML by which ``load_dataset`` reads it typed."""

from __future__ import annotations

import functools
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import yaml

from eval.benchmark.baselines import PIXELS
from eval.benchmark.storage import BASELINES_DIRECTORY, SPLIT, data_paths, item_features
from pipeline.packing.citation import read_citation
from pipeline.packing.terms import IMAGENET_TERMS_URL
from schemas.benchmark import LEVELS, BenchmarkManifest, LeakReport
from schemas.image import Stratum

CARD_FILE = "README.md"
CONFIG_NAME = "default"
_TEMPLATE = "card.md"
_STRATA: tuple[Stratum, ...] = ("low", "middle", "high")
_SIZE_CATEGORIES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))
"""The hub's names of sizes below a bound."""
_LARGEST = "100K<n<1M"


def render_card(root: Path, manifest: BenchmarkManifest, leaks: LeakReport) -> bytes:
    """The benchmark's ``README.md``.

    Args:
        root: the folder, in which the items' files lie already: loaders are told their sizes.
        manifest: signed, since the card names its digest.
        leaks: what was compared with train.
    """
    text = _load_template().render(
        front_matter=yaml.safe_dump(_front_matter(root, manifest), sort_keys=False, allow_unicode=True, width=120),
        manifest=manifest,
        leaks=leaks,
        levels=[(level, manifest.items_by_level.get(level, 0), _LEVELS[level]) for level in LEVELS],
        strata=[(stratum, manifest.items_by_stratum.get(stratum, 0)) for stratum in _STRATA],
        has_pixels=f"{BASELINES_DIRECTORY}/{PIXELS}.jsonl" in manifest.files,
        measured=[writer.teacher for writer in manifest.references if writer.is_measured],
        nearest=next(iter(leaks.nearest_bits), None),
        citation=read_citation(),
    )
    return f"{text.rstrip()}\n".encode()


_LEVELS = {
    "image": "other images of its class are trained on",
    "synset": "no image of its class is trained on",
    "subtree": "no image of any class in a whole subtree of WordNet is trained on",
}


def _front_matter(root: Path, manifest: BenchmarkManifest) -> dict[str, Any]:
    size = sum((root / path).stat().st_size for path in data_paths(manifest.items))
    bigger = next((name for bound, name in _SIZE_CATEGORIES if manifest.items < bound), _LARGEST)
    return {
        "pretty_name": manifest.name,
        "language": [manifest.prompt.language],
        "license": "other",
        "license_name": "imagenet-terms-and-model-licences" if manifest.pictures else "model-licences",
        "license_link": IMAGENET_TERMS_URL if manifest.pictures else CARD_FILE,
        "task_categories": ["image-text-to-text", "visual-question-answering"],
        "annotations_creators": ["machine-generated"],
        "source_datasets": ["extended|imagenet-21k"],
        "size_categories": [bigger],
        "tags": ["benchmark", "evaluation", "imagenet", "reasoning", "chain-of-thought"],
        "configs": [
            {
                "config_name": CONFIG_NAME,
                "default": True,
                "data_files": [{"split": SPLIT, "path": f"data/{SPLIT}-*.parquet"}],
            }
        ],
        "dataset_info": [
            {
                "config_name": CONFIG_NAME,
                "features": item_features()._to_yaml_list(),  # noqa: SLF001 - the only way to what datasets writes into cards
                "splits": [{"name": SPLIT, "num_bytes": size, "num_examples": manifest.items}],
                "download_size": size,
                "dataset_size": size,
            }
        ],
    }


@functools.cache
def _load_template() -> jinja2.Template:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)  # noqa: S701 - Markdown
    environment.filters |= {"count": "{:,}".format}
    return environment.from_string(resources.files(__package__).joinpath(_TEMPLATE).read_text("utf-8"))

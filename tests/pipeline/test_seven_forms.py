"""One collection in all the forms in which people hold ImageNet-21k gives one dataset.

The seven of the title: an extracted tree, a folder of class tars, the tar of class tars of ``fall11``, the compressed
one of ``winter21``, WebDataset shards, the same streamed from the hub, and Parquet. Flat archives come on top, and
other ways of reading: neither form nor way may change the ids, the selection, or a byte of the shards.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline import stages
from pipeline.files import sha256_of
from pipeline.selection import REJECTIONS_FILE, SELECTION_FILE
from pipeline.sources.index import IMAGES, IndexSummary
from pipeline.tables import read_columns
from schemas.config import BuildConfig
from schemas.loading import parse_config
from schemas.manifest import DatasetManifest, SelectionManifest
from tests.collections import ALL_FAULTS, Collection, Form
from tests.fakes.hub import serve_hub

pytestmark = pytest.mark.slow

CLASSES = ("n01440764", "n02123045", "n07920052", "n04099429")
COLLECTION = Collection(CLASSES, per_class=6, faults=ALL_FAULTS)
TARGET = 28
"""Fewer than there are, so that ranks and quotas decide."""

REFERENCE = "tree"
"""The holding that the others are held against."""

REPOSITORY = "someone/imagenet-wds"


@dataclass(frozen=True)
class Holding:
    """A way of holding and reading the collection; ``recognised`` is the form's name in a configuration."""

    name: str
    form: Form
    recognised: str
    options: dict[str, Any] = field(default_factory=dict)
    hub: bool = False


SEVEN = (
    Holding("tree", "tree", "tree"),
    Holding("class tars", "tars", "tars"),
    Holding("tar of tars", "tar_of_tars", "tar"),
    Holding("tar of tars, compressed", "tar_of_tars.gz", "tar.gz"),
    Holding("webdataset", "webdataset", "webdataset"),
    Holding("webdataset on the hub", "webdataset", "webdataset", hub=True),
    Holding("parquet", "parquet", "parquet"),
)
OTHERS = (
    Holding("flat tar", "tar", "tar"),
    Holding("flat tar, compressed", "tar.gz", "tar.gz"),
    Holding("parquet on the hub", "parquet", "parquet", hub=True),
    Holding("tree without dimensions", "tree", "tree", {"dimensions": False}),
    Holding("webdataset without dimensions", "webdataset", "webdataset", {"dimensions": False}),
    Holding("tar read sequentially", "tar_of_tars", "tar", {"scan_mode": "sequential"}),
    Holding("tar on two cores", "tar_of_tars", "tar", {"workers": 2}),
    Holding("compressed, too few kept", "tar_of_tars.gz", "tar.gz", {"keep_per_class": 1}),
    Holding("compressed, with a seek index", "tar.gz", "tar.gz", {"keep_per_class": 1, "seek_index": True}),
    Holding("hub, too few kept", "webdataset", "webdataset", {"keep_per_class": 1}, hub=True),
)
WITH_DIMENSIONS = [holding for holding in SEVEN + OTHERS if holding.options.get("dimensions", True)]


@dataclass(frozen=True)
class Outcome:
    """What a build came to."""

    index: IndexSummary
    images: pa.Table
    selection: SelectionManifest
    selected: pa.Table
    rejected: pa.Table
    dataset: DatasetManifest
    shards: dict[str, str]
    """SHA-256 by name."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Outcome]]:
    """Builds by holding, made when they are asked for."""
    with contextlib.ExitStack() as stack, pytest.MonkeyPatch.context() as environment:

        class Outcomes(dict[str, Outcome]):
            def __missing__(self, name: str) -> Outcome:
                holding = next(holding for holding in SEVEN + OTHERS if holding.name == name)
                folder = tmp_path_factory.mktemp("build")
                path = str(COLLECTION.write(folder / "images", holding.form))
                if holding.hub:
                    address = stack.enter_context(serve_hub(datasets={REPOSITORY: Path(path)}))
                    # huggingface_hub reads its environment once, when it is imported
                    environment.setattr("huggingface_hub.constants.ENDPOINT", address)
                    environment.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
                    path = f"hf://datasets/{REPOSITORY}"
                self[name] = build(configure(path, TARGET, holding.options), folder / "run")
                return self[name]

        yield Outcomes()


def configure(path: str, images: int, options: dict[str, Any]) -> BuildConfig:
    text = f"""
        source: {{path: "{path}", workers: 1}}
        screening: {{workers: 1}}
        selection: {{images: {images}, holdout: {{synset_share: 0.3, image_share: 0.1}}}}
        teachers:
          - {{name: glm-4.1v-9b-thinking, engine: {{kind: pixels}}}}
        generation: {{prepare_workers: 1}}
        packing: {{images_per_shard: 5, workers: 1}}
        """
    config = parse_config(text, "test")
    return config.model_copy(update={"source": config.source.model_copy(update=options)})


def build(config: BuildConfig, run_dir: Path) -> Outcome:
    """Build stage by stage, opening the run directory anew for each, as separate commands do."""
    index = stages.index(stages.open_build(config, run_dir))
    selection = stages.select(stages.open_build(config, run_dir))
    for teacher in config.teachers:
        stages.generate(stages.open_build(config, run_dir), teacher.name)
    dataset = stages.pack_dataset(stages.open_build(config, run_dir))
    return Outcome(
        index,
        read_columns(run_dir / "index" / IMAGES),
        selection,
        read_columns(run_dir / "selection" / SELECTION_FILE),
        read_columns(run_dir / "selection" / REJECTIONS_FILE),
        dataset,
        {path.name: sha256_of(path) for path in sorted((run_dir / "dataset" / "data").glob("*.tar"))},
    )


def rows_but_for_place(images: pa.Table) -> list[dict[str, Any]]:
    """Rows of an index, by id, without what says where they lie."""
    rows: list[dict[str, Any]] = images.drop_columns(["container", "offset"]).sort_by("image_id").to_pylist()
    return rows


def selected_but_for_place(outcome: Outcome) -> list[dict[str, Any]]:
    """Rows of a selection in the order of the draw, without what says where they lie."""
    rows: list[dict[str, Any]] = outcome.selected.to_pylist()
    for row in rows:
        del row["ref"]["container"], row["ref"]["offset"]
    return rows


@pytest.mark.parametrize("holding", SEVEN + OTHERS, ids=lambda holding: holding.name.replace(" ", "_").replace(",", ""))
class TestEveryHolding:
    def test_its_form_is_recognised(self, holding: Holding, outcomes: dict[str, Outcome]) -> None:
        assert outcomes[holding.name].index.form == holding.recognised

    def test_the_index_lists_the_collection_s_ids_and_rejects_the_rest_by_reason(
        self, holding: Holding, outcomes: dict[str, Outcome]
    ) -> None:
        outcome = outcomes[holding.name]
        assert tuple(sorted(outcome.images["image_id"].to_pylist())) == COLLECTION.ids
        assert Counter(outcome.index.rejected) == COLLECTION.expected.at_index

    def test_its_selection_is_that_of_the_tree(self, holding: Holding, outcomes: dict[str, Outcome]) -> None:
        here, there = outcomes[holding.name], outcomes[REFERENCE]
        assert here.selection.sha256 == there.selection.sha256
        assert selected_but_for_place(here) == selected_but_for_place(there)
        assert here.rejected.to_pylist() == there.rejected.to_pylist()

    def test_its_shards_are_those_of_the_tree(self, holding: Holding, outcomes: dict[str, Outcome]) -> None:
        here, there = outcomes[holding.name], outcomes[REFERENCE]
        assert here.shards == there.shards
        assert here.dataset.rejected == there.dataset.rejected
        assert here.dataset.seen == there.dataset.seen == COLLECTION.expected.files


@pytest.mark.parametrize(
    "holding", WITH_DIMENSIONS, ids=lambda holding: holding.name.replace(" ", "_").replace(",", "")
)
def test_index_rows_are_those_of_the_tree_but_for_their_place(holding: Holding, outcomes: dict[str, Outcome]) -> None:
    assert rows_but_for_place(outcomes[holding.name].images) == rows_but_for_place(outcomes[REFERENCE].images)


def test_the_draw_had_something_to_decide(outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes[REFERENCE]
    assert outcome.selection.drawn == TARGET
    assert outcome.selection.left_over > 0
    assert all(outcome.selection.ids[split] for split in ("train", "benchmark"))
    assert len(outcome.shards) > 3


def test_a_build_of_all_images_rejects_what_the_collection_says(tmp_path: Path) -> None:
    config = configure(str(COLLECTION.write(tmp_path / "images", "tars")), 1000, {})
    opened = stages.open_build(config, tmp_path / "run")
    stages.index(opened)
    selection = stages.select(opened)
    assert Counter(selection.rejected) == COLLECTION.expected.at_selection
    assert selection.drawn == COLLECTION.expected.usable
    assert selection.left_over == 0


def test_real_photographs_give_the_same_selection_on_disk_and_as_a_stream(tmp_path: Path) -> None:
    collection = Collection(CLASSES, per_class=8, pictures="real")
    manifests = []
    forms: tuple[Form, ...] = ("tree", "tar_of_tars.gz")
    for form in forms:
        config = configure(str(collection.write(tmp_path / form, form)), 20, {})
        opened = stages.open_build(config, tmp_path / f"run {form}")
        stages.index(opened)
        manifests.append(stages.select(opened))
    assert manifests[0] == manifests[1]
    assert manifests[0].drawn == 20


def test_webp_shards_hold_the_same_ids(tmp_path: Path) -> None:
    config = configure(str(COLLECTION.write(tmp_path / "images", "webdataset_webp")), 1000, {})
    opened = stages.open_build(config, tmp_path / "run")
    assert stages.index(opened).form == "webdataset"
    images = read_columns(tmp_path / "run" / "index" / IMAGES)
    assert tuple(sorted(images["image_id"].to_pylist())) == COLLECTION.ids
    formats = Counter(images["format"].to_pylist())
    assert formats["WEBP"] > len(images) * 3 / 4
    assert stages.select(opened).drawn > len(images) / 2

"""A benchmark loads alone, holds what was drawn, is the same bytes however it was made, and never leaks."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from datasets import Image as ImageFeature
from datasets import load_dataset
from PIL import Image

from eval.benchmark import open_benchmark
from eval.benchmark.build import BenchmarkOptions, build_benchmark, plan_benchmark
from eval.benchmark.items import list_hypernyms
from eval.benchmark.storage import ITEMS_PER_FILE
from eval.metrics.tfidf import read_weights
from eval.metrics.tokens import tokenize
from pipeline.packed import open_dataset
from pipeline.packing.card import read_front_matter
from pipeline.progress import Silent
from pipeline.taxonomy import load_taxonomy
from schemas.base import Contract
from schemas.benchmark import TEXT_FIELDS, BenchmarkManifest, LeakReport
from schemas.errors import ConfigError, DatasetError
from tests.eval.benchmark.world import (
    DOMESTIC_CAT,
    SCOOTER,
    TABBY,
    TENCH,
    make_dataset,
    make_world,
    select,
    without_pictures,
)
from tests.fakes.noted_progress import NotedProgress
from tests.pipeline.packing.world import GLM, KIMI, digests, make_jpeg

OPTIONS = BenchmarkOptions(size=9, subtrees=(DOMESTIC_CAT,), workers=1)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read only."""
    return make_dataset(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def built(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read only."""
    out = tmp_path_factory.mktemp("built") / "benchmark"
    build(dataset, out)
    return out


def build(dataset: Path, out: Path, options: BenchmarkOptions = OPTIONS) -> BenchmarkManifest:
    return build_benchmark(dataset, out, options, Silent())


# --- what it holds ---


def test_it_loads_alone_and_typed(built: Path, tmp_path: Path) -> None:
    rows = load_dataset(str(built), split="test", cache_dir=str(tmp_path))
    assert isinstance(rows.features["image"], ImageFeature)
    assert len(rows) == 9
    assert [row["key"] for row in rows] == [item.key for item in open_benchmark(built).items()]
    assert rows[0]["image"].size == (rows[0]["width"], rows[0]["height"]) == (64, 48)
    assert {reference["teacher"] for row in rows for reference in row["references"]} == {GLM, KIMI}


def test_it_streams_the_same_rows(built: Path) -> None:
    rows = list(load_dataset(str(built), split="test", streaming=True))
    assert [row["key"] for row in rows] == [item.key for item in open_benchmark(built).items()]
    assert rows[0]["image"].size == (64, 48)


def test_an_item_is_what_the_record_says_and_what_the_taxonomy_adds(dataset: Path, built: Path) -> None:
    source = open_dataset(dataset)
    rows = {row.key: row for shard in source.shards("benchmark") for row in source.read(shard)}
    for item in open_benchmark(built).items(pictures=True):
        row = rows[item.key]
        record = row.record
        assert item.image is not None
        assert item.image.bytes == row.jpeg
        assert (item.image_sha256, item.phash, item.prompt) == (record.sha256, record.phash, record.prompt)
        assert (item.level, item.stratum, item.domain) == (record.holdout, record.stratum, record.domain)
        assert [(reference.teacher, reference.thinking, reference.answer) for reference in item.references] == [
            (pair.teacher, pair.thinking, pair.answer) for pair in record.pairs
        ]


def test_hypernyms_reach_from_the_nearest_to_the_root() -> None:
    taxonomy = load_taxonomy()
    found = list_hypernyms(TABBY, taxonomy)
    assert found[0].wnid == DOMESTIC_CAT
    assert found[-1].lemmas == ("entity",)
    assert [above.steps for above in found] == sorted(above.steps for above in found)
    assert {above.wnid for above in found} == taxonomy.ancestors(TABBY)


def test_levels_are_even_and_counted(built: Path) -> None:
    manifest = open_benchmark(built).manifest
    assert manifest.items_by_level == {"image": 3, "subtree": 3, "synset": 3}
    assert (manifest.items, manifest.available) == (9, 12)
    assert {item.wnid for item in open_benchmark(built).items()} >= {SCOOTER, TABBY}


def test_the_leak_report_ships_with_it(built: Path) -> None:
    report = LeakReport.model_validate_json((built / "leaks.json").read_bytes())
    assert (report.leaks, report.train_images, report.subtrees) == (0, 6, (DOMESTIC_CAT,))


@pytest.mark.parametrize("name", ["label-only", "pixels"])
def test_baselines_are_predictions_for_every_item(name: str, built: Path) -> None:
    benchmark = open_benchmark(built)
    lines = [json.loads(line) for line in benchmark.baseline_file(name).read_text("utf-8").splitlines()]
    assert [line["key"] for line in lines] == [item.key for item in benchmark.items()]
    assert all(set(line) == {"key", "thinking", "answer"} and line["thinking"] and line["answer"] for line in lines)


def test_every_word_of_a_reference_has_a_weight(built: Path) -> None:
    benchmark = open_benchmark(built)
    weights = read_weights(benchmark.tfidf_file)
    for field in TEXT_FIELDS:
        words = {
            word
            for item in benchmark.items()
            for reference in item.references
            for word in tokenize(getattr(reference, field))
        }
        assert set(weights[field]) == words
    assert benchmark.manifest.documents == dict.fromkeys(TEXT_FIELDS, 18)


def test_all_files_are_listed_with_their_checksums(built: Path) -> None:
    lines = (built / "SHA256SUMS").read_text().splitlines()
    listed = {path: digest for digest, _, path in (line.partition("  ") for line in lines)}
    there = digests(built)
    del there["SHA256SUMS"]
    assert listed == there
    unlisted = {"README.md", "benchmark.json"}
    assert open_benchmark(built).manifest.files == {path: there[path] for path in there if path not in unlisted}


def test_the_card_says_what_loaders_and_readers_need(built: Path) -> None:
    card = (built / "README.md").read_text("utf-8")
    front, manifest = read_front_matter(card), open_benchmark(built).manifest
    (info,) = front["dataset_info"]
    assert info["splits"][0]["num_examples"] == 9
    assert front["license"] == "other"
    assert manifest.sha256 in card
    assert "not written by a model" not in card
    assert all(f"| {level} | 3 |" in card for level in ("image", "synset", "subtree"))


def test_a_turned_picture_stands_upright(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world")
    image, _ = select(200, TENCH, "image")
    jpeg = make_jpeg(200, (48, 64), orientation=6)
    facts = image.facts.model_copy(update={"sha256": hashlib.sha256(jpeg).hexdigest(), "bytes": len(jpeg)})
    key = image.ref.image_id
    world.images.append(image.model_copy(update={"facts": facts}))
    world.source.files[key] = jpeg
    for results in world.results:
        results.completions.append(results.completions[0].model_copy(update={"image_id": key}))
    world.pack()
    build(world.out, tmp_path / "out", BenchmarkOptions(size=99, subtrees=(DOMESTIC_CAT,), workers=1))
    items = {item.key: item for item in open_benchmark(tmp_path / "out").items(pictures=True)}
    picture = items[key].image
    assert picture is not None
    with Image.open(io.BytesIO(picture.bytes)) as shown:
        assert shown.size == (64, 48)
        assert not shown.getexif()


# --- the same bytes, whatever happens ---


def test_the_same_dataset_gives_the_same_bytes(dataset: Path, built: Path, tmp_path: Path) -> None:
    build(dataset, tmp_path / "again")
    assert digests(tmp_path / "again") == digests(built)


@pytest.mark.slow
def test_workers_change_no_byte(dataset: Path, built: Path, tmp_path: Path) -> None:
    build(dataset, tmp_path / "two", BenchmarkOptions(size=9, subtrees=(DOMESTIC_CAT,), workers=2))
    assert digests(tmp_path / "two") == digests(built)


def test_a_build_killed_at_any_write_is_finished_by_the_next(
    dataset: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace
    for renames in itertools.count():
        out, left = tmp_path / f"killed-{renames}", iter(range(renames))

        def die_at_rename(path: Path, target: Path, left: Iterator[int] = left) -> Path:
            if next(left, None) is None:
                raise KeyboardInterrupt
            return replace(path, target)

        with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
            patch.setattr(Path, "replace", die_at_rename)
            build(dataset, out)
            break
        with pytest.raises(DatasetError):
            open_benchmark(out)
        build(dataset, out)
        assert digests(out) == digests(built)
    # items, two baselines, leaks, weights, two licences, card, checksums, manifest
    assert renames == 10


def test_a_smaller_benchmark_in_its_place_leaves_nothing_of_the_larger(
    dataset: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr("eval.benchmark.storage.ITEMS_PER_FILE", 5)
        build(dataset, out, BenchmarkOptions(size=11, subtrees=(DOMESTIC_CAT,), workers=1))
        assert len(list((out / "data").iterdir())) == 3
    (out / ".README.md.77.tmp").write_bytes(b"half")
    build(dataset, out)
    assert ITEMS_PER_FILE > 11
    assert digests(out) == digests(built)


# --- without pictures ---


def test_without_pictures_it_can_be_scored_with_and_has_its_floor(dataset: Path, built: Path, tmp_path: Path) -> None:
    options = BenchmarkOptions(size=9, subtrees=(DOMESTIC_CAT,), pictures=False, workers=1)
    build(dataset, tmp_path / "out", options)
    benchmark = open_benchmark(tmp_path / "out")
    assert not benchmark.manifest.pictures
    assert [item.image for item in benchmark.items(pictures=True)] == [None] * 9
    assert benchmark.baseline_file("pixels").read_bytes() == open_benchmark(built).baseline_file("pixels").read_bytes()
    assert not (tmp_path / "out" / "LICENSE-IMAGENET.txt").exists()
    rows = load_dataset(str(tmp_path / "out"), split="test", streaming=True)
    assert [row["image"] for row in rows] == [None] * 9


def test_of_annotations_alone_there_is_no_floor(dataset: Path, built: Path, tmp_path: Path) -> None:
    annotations = without_pictures(dataset, tmp_path / "annotations")
    with pytest.raises(DatasetError, match="--without-pictures"):
        build(annotations, tmp_path / "out")
    options = BenchmarkOptions(size=9, subtrees=(DOMESTIC_CAT,), pictures=False, workers=1)
    build(annotations, tmp_path / "out", options)
    benchmark = open_benchmark(tmp_path / "out")
    assert benchmark.baseline_file("label-only").exists()
    assert not benchmark.baseline_file("pixels").exists()
    assert "scores have no floor" in (tmp_path / "out" / "README.md").read_text("utf-8")
    assert [without(item) for item in benchmark.items()] == [without(item) for item in open_benchmark(built).items()]


def without(item: Contract) -> dict[str, object]:
    return item.model_dump(exclude={"image"})


# --- what it refuses, and what it says ---


def test_a_leak_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world")
    held_out, seen = world.images[-1], world.images[0]
    near = f"{int(seen.facts.phash, 16) ^ 0b101:016x}"
    world.images[-1] = held_out.model_copy(update={"facts": held_out.facts.model_copy(update={"phash": near})})
    world.pack()
    with pytest.raises(DatasetError, match=f"{held_out.ref.image_id}.*shares its picture.*{seen.ref.image_id}"):
        build(world.out, tmp_path / "out", BenchmarkOptions(size=99, subtrees=(DOMESTIC_CAT,), workers=1))
    assert not (tmp_path / "out").exists()


def test_a_plan_writes_nothing_and_says_what_would_be_drawn(dataset: Path, built: Path) -> None:
    before = digests(dataset)
    plan = plan_benchmark(dataset, OPTIONS, Silent())
    manifest = open_benchmark(built).manifest
    assert (plan.by_level, plan.by_domain) == (manifest.items_by_level, manifest.items_by_domain)
    assert digests(dataset) == before


def test_a_prompt_that_shows_the_label_is_refused(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world", train=1, each=1)
    world.prompt = "describe-with-label"
    world.pack()
    with pytest.raises(DatasetError, match="tells the class"):
        build(world.out, tmp_path / "out")


def test_a_dataset_without_a_benchmark_split_is_refused(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world", train=2, each=0)
    world.pack()
    with pytest.raises(DatasetError, match="has no benchmark split"):
        build(world.out, tmp_path / "out")


def test_a_shard_that_is_not_the_manifests_is_refused(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "world")
    shard = dataset / open_dataset(dataset).shards("train")[0].path
    data = shard.read_bytes()
    shard.write_bytes(data.replace(b"looks at", b"looks up", 1))
    with pytest.raises(DatasetError, match="is not what the manifest says"):
        build(dataset, tmp_path / "out")


def test_a_folder_of_something_else_is_left_alone(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("all of it")
    with pytest.raises(ConfigError, match="is no benchmark"):
        build(dataset, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_the_benchmark_of_another_dataset_is_left_alone(built: Path, tmp_path: Path) -> None:
    other = make_world(tmp_path / "world", train=3)
    other.pack()
    before = digests(built)
    with pytest.raises(ConfigError, match="benchmark of another dataset"):
        build(other.out, built)
    assert digests(built) == before


def test_a_folder_in_the_dataset_is_refused(dataset: Path) -> None:
    with pytest.raises(ConfigError, match="lies in the dataset"):
        build(dataset, dataset / "benchmark")


def test_it_warns_of_too_few_images_and_of_measured_references(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world", train=2, each=1, engine="pixels")
    world.pack()
    progress = NotedProgress()
    manifest = build_benchmark(world.out, tmp_path / "out", OPTIONS, progress)
    assert (manifest.items, manifest.is_measured) == (4, True)
    assert any("the benchmark split has 4" in warning for warning in progress.warnings)
    assert any(f"references of {GLM} and {KIMI} are measurements" in warning for warning in progress.warnings)
    assert "not written by a model" in (tmp_path / "out" / "README.md").read_text("utf-8")

"""The selection stage on real files: a function of ids, bytes, configuration and seed alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eval import check_holdout
from pipeline.progress import Progress, Silent
from pipeline.screening.parallel import BATCH
from pipeline.selection import CLASSES_FILE, REJECTIONS_FILE, SELECTION_FILE, load_selection, select_images
from pipeline.sources import Source, build_index, open_source
from pipeline.tables import read_rows
from pipeline.taxonomy import load_taxonomy
from schemas.base import Contract
from schemas.config import BuildConfig
from schemas.errors import ConfigError, RunDirectoryError, SourceError
from schemas.image import ImageRef, SelectedImage
from schemas.loading import parse_config
from schemas.manifest import SelectionManifest
from schemas.rejection import Rejection, RejectReason
from schemas.selection import ClassOutcome
from tests.collections import PLAIN_FORMS, PlainForm, make_collection, synthetic_photograph

CLASSES = ["n01440764", "n02123045", "n07920052", "n04099429"]
ASTRONAUT, CAT = "n09818022", "n02121620"
ROWS: dict[str, type[Contract]] = {SELECTION_FILE: SelectedImage, REJECTIONS_FILE: Rejection}


class Dying:
    """A source that can be read a number of times."""

    form, is_stream = "tree", False

    def __init__(self, source: Source, reads: int) -> None:
        self._source, self._left = source, reads

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def prepare(self, refs: Iterable[ImageRef], progress: Progress) -> None:
        pass

    def read(self, ref: ImageRef) -> bytes:
        if not self._left:
            raise SourceError("somebody pulled the plug")
        self._left -= 1
        return self._source.read(ref)


def configure(source: Path, selection: str = "{images: 12}", more: str = "") -> BuildConfig:
    return parse_config(
        f"""
        source: {{path: {source}}}
        screening: {{workers: 1}}
        selection: {selection}
        teachers: [{{name: glm-4.1v-9b-thinking, engine: {{kind: pixels}}}}]
        """
        + more,
        "c.yaml",
    )


def select(config: BuildConfig, out: Path) -> SelectionManifest:
    source = open_source(config.source)
    build_index(source, out / "index", Silent())
    return select_images(out / "index", source, config, load_taxonomy(), out, Silent())


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_collection(tmp_path_factory.mktemp("collection"), "tree", CLASSES, 8)


@pytest.mark.parametrize("form", PLAIN_FORMS)
def test_every_form_of_a_collection_gives_the_same_selection(form: PlainForm, collection: Path, tmp_path: Path) -> None:
    other = make_collection(tmp_path / "source", form, CLASSES, 8)
    assert select(configure(other), tmp_path / "other") == select(configure(collection), tmp_path / "tree")


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(workers: int, collection: Path, tmp_path: Path) -> None:
    config = configure(collection)
    screening = config.screening.model_copy(update={"workers": workers})
    manifest = select(config.model_copy(update={"screening": screening}), tmp_path / "a")
    assert manifest == select(config, tmp_path / "b")
    assert (tmp_path / "a" / SELECTION_FILE).read_bytes() == (tmp_path / "b" / SELECTION_FILE).read_bytes()


def test_the_order_of_the_index_changes_nothing(collection: Path, tmp_path: Path) -> None:
    config = configure(collection, f"{{images: 12, classes: [{CLASSES[0]}, {CLASSES[2]}]}}")
    source = open_source(config.source)
    build_index(source, tmp_path / "index", Silent())
    index = pq.read_table(tmp_path / "index" / "index.parquet")
    pq.write_table(index.take(pa.array(range(len(index) - 1, -1, -1))), tmp_path / "reversed.parquet", row_group_size=7)
    taxonomy = load_taxonomy()
    assert select_images(tmp_path / "index", source, config, taxonomy, tmp_path / "a", Silent()) == select_images(
        tmp_path / "reversed.parquet", source, config, taxonomy, tmp_path / "b", Silent()
    )
    for name in (SELECTION_FILE, REJECTIONS_FILE):
        assert list(read_rows(tmp_path / "a" / name, ROWS[name])) == list(read_rows(tmp_path / "b" / name, ROWS[name]))


def test_a_smaller_target_is_a_prefix_of_a_larger_one(collection: Path, tmp_path: Path) -> None:
    ids = []
    for size in (5, 12, 32):
        select(configure(collection, f"{{images: {size}}}"), tmp_path / str(size))
        ids.append([row.ref.image_id for row in read_rows(tmp_path / str(size) / SELECTION_FILE, SelectedImage)])
    assert ids[1][:5] == ids[0]
    assert ids[2][:12] == ids[1]
    assert len(ids[2]) == 32


def test_another_seed_draws_others(collection: Path, tmp_path: Path) -> None:
    first = select(configure(collection), tmp_path / "a")
    second = select(configure(collection, more="\n        seed: 1"), tmp_path / "b")
    assert set(first.ids["train"]) != set(second.ids["train"])


def test_classes_get_equal_quotas(collection: Path, tmp_path: Path) -> None:
    select(configure(collection), tmp_path)
    wnids = [row.ref.wnid for row in read_rows(tmp_path / SELECTION_FILE, SelectedImage)]
    assert {wnid: wnids.count(wnid) for wnid in CLASSES} == dict.fromkeys(CLASSES, 3)


def test_a_faulty_image_is_replaced_by_the_next_of_its_class(collection: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(collection, source)
    faulty = sorted((source / CLASSES[0]).iterdir())[:5]
    for path in faulty:
        path.write_bytes(path.read_bytes()[:2000])
    manifest = select(configure(source), tmp_path / "out")
    assert manifest.drawn == 12
    rejections = list(read_rows(tmp_path / "out" / REJECTIONS_FILE, Rejection))
    assert {rejection.reason for rejection in rejections} == {RejectReason.DECODE_ERROR}
    assert {rejection.image_id for rejection in rejections} <= {path.stem for path in faulty}


def test_excluded_and_unknown_classes_are_rejected_image_by_image(collection: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(collection, source)
    make_collection(source, "tree", [ASTRONAUT, "n99999999"], 2)
    manifest = select(configure(source, "{images: 50}"), tmp_path / "out")
    assert manifest.rejected == {RejectReason.EXCLUDED_SYNSET: 2, RejectReason.UNKNOWN_SYNSET: 2}
    assert manifest.drawn == 32


def test_only_the_asked_for_classes_are_drawn(collection: Path, tmp_path: Path) -> None:
    manifest = select(configure(collection, f"{{images: 50, classes: [{CLASSES[1]}]}}"), tmp_path)
    assert manifest.drawn == 8
    assert manifest.rejected == {RejectReason.EXCLUDED_SYNSET: 24}


def test_an_exact_duplicate_is_rejected_and_names_its_twin(collection: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(collection, source)
    original = source / CLASSES[0] / f"{CLASSES[0]}_900001.JPEG"
    if not original.exists():
        original = min((source / CLASSES[0]).iterdir())
    twin = source / CLASSES[1] / f"{CLASSES[1]}_999999.JPEG"
    twin.write_bytes(original.read_bytes())
    manifest = select(configure(source, "{images: 50}"), tmp_path / "out")
    assert manifest.drawn == 32
    (rejection,) = read_rows(tmp_path / "out" / REJECTIONS_FILE, Rejection)
    assert rejection.reason is RejectReason.EXACT_DUPLICATE
    assert {rejection.image_id, rejection.detail.removeprefix("same bytes as ")} == {original.stem, twin.stem}


def test_a_near_duplicate_of_a_held_out_image_is_held_out_with_it(collection: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(collection, source)
    for wnid in CLASSES:
        for path in sorted((source / wnid).iterdir()):
            # trailing bytes after the picture: other bytes, the same picture
            path.with_name(f"{path.stem}7.JPEG").write_bytes(path.read_bytes() + b"\0")
    config = configure(source, "{images: 100, holdout: {synset_share: 0, image_share: 0.3}}")
    manifest = select(config, tmp_path / "out")
    rows = list(read_rows(tmp_path / "out" / SELECTION_FILE, SelectedImage))
    assert manifest.near_duplicate_groups == 32
    split = {row.ref.image_id: row.split for row in rows}
    assert all(split[f"{image_id}7"] == split[image_id] for image_id in split if f"{image_id}7" in split)
    assert {row.split for row in rows} == {"train", "benchmark"}
    check_holdout(tmp_path / "out" / SELECTION_FILE)


def test_verdicts_are_kept_so_that_nothing_is_screened_twice(collection: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(collection, source)
    first = select(configure(source, "{images: 32}"), tmp_path / "out")
    (tmp_path / "out" / "selection.json").unlink()
    for path in source.glob("*/*.JPEG"):
        path.write_bytes(b"gone")
    # the verdicts alone give the same draw
    opened, config = open_source(configure(source).source), configure(source, "{images: 32}")
    assert (
        select_images(tmp_path / "out" / "index", opened, config, load_taxonomy(), tmp_path / "out", Silent()) == first
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_a_disk_that_is_away_for_a_moment_gives_no_verdict(workers: int, collection: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(collection, source)
    config = configure(source)
    config = config.model_copy(update={"screening": config.screening.model_copy(update={"workers": workers})})
    opened = open_source(config.source)
    build_index(opened, tmp_path / "index", Silent())
    index = tmp_path / "index"
    source.rename(tmp_path / "away")
    with pytest.raises(SourceError, match="whether the disk is mounted"):
        select_images(index, opened, config, load_taxonomy(), tmp_path / "out", Silent())
    (tmp_path / "away").rename(source)
    manifest = select_images(index, opened, config, load_taxonomy(), tmp_path / "out", Silent())
    assert (manifest.drawn, manifest.rejected) == (12, {})


def test_the_manifest_is_found_again_and_its_checksum_guards_it(collection: Path, tmp_path: Path) -> None:
    assert load_selection(tmp_path) is None
    manifest = select(configure(collection), tmp_path)
    assert load_selection(tmp_path) == manifest
    path = tmp_path / "selection.json"
    path.write_text(path.read_text().replace('"target":12', '"target":13'))
    with pytest.raises(RunDirectoryError, match="checksum"):
        load_selection(tmp_path)
    path.write_text("{")
    with pytest.raises(RunDirectoryError, match="is no manifest of a selection"):
        load_selection(tmp_path)


def test_a_manifest_does_not_outlive_the_files_it_came_with(collection: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    shutil.copytree(collection, source)
    select(configure(source), out)
    (out / SELECTION_FILE).rename(out / "old.parquet")
    for path in source.glob("*/*.JPEG"):
        path.write_bytes(b"no picture")
    with pytest.raises(SourceError, match="can be used"):
        select(configure(source), out)
    (out / "old.parquet").rename(out / SELECTION_FILE)
    assert load_selection(out) is None


def test_a_source_without_a_usable_image_is_an_error_with_the_reasons(tmp_path: Path) -> None:
    folder = tmp_path / "source" / CLASSES[0]
    folder.mkdir(parents=True)
    (folder / f"{CLASSES[0]}_1.JPEG").write_bytes(b"<html>")
    (folder / f"{CLASSES[0]}_2.JPEG").write_bytes(synthetic_photograph(f"{CLASSES[0]}_2", 0, (100, 100)))
    with pytest.raises(SourceError, match=r"none of 2 images can be used \(not_an_image 1, too_small 1\)"):
        select(configure(tmp_path / "source"), tmp_path / "out")


@pytest.mark.parametrize("reads", [0, 33, 70])
def test_a_draw_that_broke_off_goes_on_and_ends_in_the_same(reads: int, tmp_path: Path) -> None:
    config = configure(make_collection(tmp_path / "source", "tree", CLASSES, 20), "{images: 9}")
    whole = select(config, tmp_path / "whole")
    source, index = open_source(config.source), tmp_path / "whole" / "index"
    with pytest.raises(SourceError, match="pulled the plug"):
        select_images(index, Dying(source, reads), config, load_taxonomy(), tmp_path / "broken", Silent())
    rest = Dying(source, 80 - reads // BATCH * BATCH)
    assert select_images(index, rest, config, load_taxonomy(), tmp_path / "broken", Silent()) == whole
    for name in (SELECTION_FILE, REJECTIONS_FILE, CLASSES_FILE):
        assert (tmp_path / "broken" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_sizes_in_the_index_spare_reading_and_change_nothing(collection: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(collection, source)
    small = sorted((source / CLASSES[0]).iterdir())[:4]
    for path in small:
        path.write_bytes(synthetic_photograph(path.stem, 0, (300, 120)))
    config = configure(source)
    with_sizes = select(config, tmp_path / "with")
    table = pq.read_table(tmp_path / "with" / "index" / "index.parquet")
    assert table["width"].null_count == 0
    unknown = {name: pa.nulls(len(table), table.schema.field(name).type) for name in ("width", "height", "format")}
    for name, column in unknown.items():
        table = table.set_column(table.schema.get_field_index(name), name, column)
    pq.write_table(table, tmp_path / "without.parquet")
    opened = open_source(config.source)
    out = tmp_path / "without"
    assert select_images(tmp_path / "without.parquet", opened, config, load_taxonomy(), out, Silent()) == with_sizes
    assert with_sizes.rejected[RejectReason.TOO_SMALL] >= 1
    for name in (SELECTION_FILE, REJECTIONS_FILE, CLASSES_FILE):
        assert (out / name).read_bytes() == (tmp_path / "with" / name).read_bytes()
    for path in small:
        path.unlink()
    # with sizes they are not even opened
    select_images(tmp_path / "with" / "index", opened, config, load_taxonomy(), tmp_path / "again", Silent())


def test_a_verdict_is_not_taken_over_for_other_bytes(collection: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(collection, source)
    config = configure(source, "{images: 32}")
    first = select(config, tmp_path / "out")
    (tmp_path / "out" / "selection.json").unlink()
    moved = min((source / CLASSES[0]).iterdir())
    (source / "elsewhere").mkdir()
    (source / "elsewhere" / moved.name).write_bytes(b"no picture")
    moved.unlink()
    second = select(config, tmp_path / "out")
    assert (first.drawn, second.drawn) == (32, 31)
    assert second.rejected == {RejectReason.NOT_AN_IMAGE: 1}


def test_small_classes_are_left_out_image_by_image(collection: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(collection, source)
    for path in sorted((source / CLASSES[1]).iterdir())[3:]:
        path.unlink()
    manifest = select(configure(source, "{images: 50, min_class_images: 4}"), tmp_path / "out")
    assert (manifest.drawn, manifest.rejected) == (24, {RejectReason.CLASS_TOO_SMALL: 3})
    rejections = list(read_rows(tmp_path / "out" / REJECTIONS_FILE, Rejection))
    assert {row.detail for row in rejections} == {f"class {CLASSES[1]}: 3 images; at least 4"}
    assert [row.image_id for row in rejections] == sorted(row.image_id for row in rejections)


def test_with_leaves_only_a_class_above_others_is_left_out(collection: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(collection, source)
    make_collection(source, "tree", [CAT], 3)
    manifest = select(
        configure(source, f"{{images: 50, leaf_only: true, classes: [{', '.join([*CLASSES, CAT])}]}}"), tmp_path / "out"
    )
    assert manifest.rejected == {RejectReason.NOT_A_LEAF: 3}


def test_every_class_of_the_source_is_accounted_for(collection: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(collection, source)
    make_collection(source, "tree", [ASTRONAUT, "n99999999"], 2)
    for path in sorted((source / CLASSES[0]).iterdir())[:6]:
        path.write_bytes(b"no picture")
    manifest = select(configure(source, "{images: 16}"), tmp_path / "out")
    rows = {row.wnid: row for row in read_rows(tmp_path / "out" / CLASSES_FILE, ClassOutcome)}
    assert list(rows) == sorted([*CLASSES, ASTRONAUT, "n99999999"])
    assert sum(row.indexed for row in rows.values()) == manifest.candidates
    assert sum(row.drawn for row in rows.values()) == manifest.drawn == 16
    assert all(row.indexed >= row.screened >= row.usable >= row.drawn for row in rows.values())
    spoilt = rows[CLASSES[0]]
    assert (spoilt.screened, spoilt.usable, spoilt.drawn, spoilt.quota, spoilt.outcome) == (8, 2, 2, 4, "missed")
    assert [(rows[wnid].quota, rows[wnid].outcome) for wnid in CLASSES[1:]] == [(4, "met")] * 3
    assert (rows[ASTRONAUT].outcome, rows[ASTRONAUT].reason, rows[ASTRONAUT].domain) == (
        "unwanted",
        "excluded_synset",
        "person",
    )
    stray = rows["n99999999"]
    assert (stray.outcome, stray.reason, stray.domain, stray.depth) == ("unwanted", "unknown_synset", "unknown", 0)


def test_images_that_are_all_drawn_stand_for_themselves(collection: Path, tmp_path: Path) -> None:
    manifest = select(configure(collection, "{images: 100}"), tmp_path)
    rows = list(read_rows(tmp_path / SELECTION_FILE, SelectedImage))
    assert {row.weight for row in rows} == {1.0}
    # all 32 are the pilot, too, so that its thirds are the collection's
    low, high = manifest.thresholds.complexity
    for row in rows:
        assert row.stratum == (
            "low" if row.facts.complexity < low else "middle" if row.facts.complexity < high else "high"
        )
        assert row.blurred == (row.facts.sharpness < manifest.thresholds.sharpness)
    assert manifest.thresholds.pilot == 32


def test_caps_that_end_the_draw_are_told(collection: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    domains = "{animal: {cap: 0.5}, food: {cap: 0.1}, artifact: {cap: 0.1}}"
    manifest = select(configure(collection, f"{{images: 30, domains: {domains}}}"), tmp_path)
    assert 0 < manifest.drawn < 30
    assert f"only {manifest.drawn} of 30 images are drawn: selection.domains" in capsys.readouterr().err


def test_a_domain_gets_its_share(collection: Path, tmp_path: Path) -> None:
    select(configure(collection, "{images: 16, domains: {food: {floor: 0.5}}}"), tmp_path)
    wnids = [row.ref.wnid for row in read_rows(tmp_path / SELECTION_FILE, SelectedImage)]
    assert wnids.count("n07920052") == 8


@pytest.mark.parametrize(
    "key", ["classes: [n99999999]", "exclude_subtrees: [n99999999]", "exclude_synsets: [n99999999]"]
)
def test_an_unknown_synset_in_the_configuration_is_named(key: str, collection: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="n99999999"):
        select(configure(collection, f"{{{key}}}"), tmp_path)

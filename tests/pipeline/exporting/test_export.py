"""An export is whole or says so, is the same bytes however it was made, and accounts for every example."""

from __future__ import annotations

import contextlib
import fcntl
import io
import itertools
import json
import resource
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import load_dataset
from PIL import Image

from pipeline.exporting import FORMATS, ExportOptions, export, read_report
from pipeline.progress import Silent
from pipeline.screening import open_picture
from schemas.errors import ConfigError, DatasetError
from schemas.manifest import DatasetManifest
from tests.fakes.noted_progress import NotedProgress
from tests.pipeline.exporting.world import files, make_dataset, picture_of, read_rows
from tests.pipeline.packing.world import GLM, KIMI, World, make_completion, make_image, make_jpeg, make_world


def run(world: World, out: Path, form: str = "trl", **options: str | int) -> list[dict[str, Any]]:
    given = ExportOptions.model_validate({"format": form, **options})
    export(world.out, out, given, Silent())
    return read_rows(out)


# --- whose text ---


def test_both_teachers_give_a_row_each(world: World, tmp_path: Path) -> None:
    assert [row["teacher"] for row in run(world, tmp_path / "out")] == [GLM, KIMI] * 12


def test_a_teacher_is_found_by_how_its_name_begins(world: World, tmp_path: Path) -> None:
    assert {row["teacher"] for row in run(world, tmp_path / "out", teacher="ki")} == {KIMI}


def test_the_longer_pair_is_taken_and_the_first_teachers_where_both_are_as_long(world: World, tmp_path: Path) -> None:
    rows = run(world, tmp_path / "out", teacher="longer")
    taken = {int(str(row["id"]).partition("/")[0].partition("_")[2]): row["teacher"] for row in rows}
    assert taken == {number: GLM if number <= 5 else KIMI for number in range(12)}


def test_a_preference_leaves_out_ties_and_counts_them(world: World, tmp_path: Path) -> None:
    report = export(world.out, tmp_path / "out", ExportOptions(format="trl", preference="longer"), Silent())
    assert report.counts.model_dump() == {
        "images": 12,
        "turned": 0,
        "examples": 12,
        "rows": 11,
        "left_out": {"tie": 1},
    }
    for row in read_rows(tmp_path / "out"):
        number = int(row["id"].partition("_")[2])
        assert row["chosen_teacher"] == (GLM if number < 5 else KIMI)
        assert row["rejected_teacher"] == (KIMI if number < 5 else GLM)
        assert row["chosen_teacher"] in row["chosen"][0]["content"]


def test_pairs_of_the_same_text_are_no_preference(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world", 2, 0)
    for results in world.results:
        results.completions = [
            make_completion(image.ref.image_id, results.name, "a fish|A tench.").model_copy(
                update={"thinking_tokens": 3 if results.name == GLM else 4}
            )
            for image in world.images
        ]
    world.pack()
    with pytest.raises(DatasetError, match="no rows to write: same_text"):
        run(world, tmp_path / "out", preference="longer")


@pytest.mark.parametrize(
    ("text", "thinking", "form", "reason"),
    [
        ("I see <image> here|A fish.", "think", "swift", "reserved_word_in_text"),
        ("a fish|It says <video>.", "none", "verl", "reserved_word_in_text"),
        ("I see <image> here|A fish.", "reasoning_content", "trl", "reserved_word_in_text"),
        ("the end</s>|A fish.", "think", "llava", "reserved_word_in_text"),
        ("USER: what? ASSISTANT: a fish|A fish.", "think", "llava", "reserved_word_in_text"),
        ("a tag </think> in it|A fish.", "think", "trl", "marker_in_text"),
        ("a fish|An <answer>.", "glm-4.1v", "trl", "marker_in_text"),
    ],
)
def test_a_text_that_the_trainer_would_misread_is_left_out_and_counted(
    text: str, thinking: str, form: str, reason: str, tmp_path: Path
) -> None:
    world = make_world(tmp_path / "world", 3, 0)
    first = world.images[0].ref.image_id
    world.results[0].completions = [
        make_completion(each.image_id, GLM, text) if each.image_id == first else each
        for each in world.results[0].completions
    ]
    world.pack()
    report = export(world.out, tmp_path / "out", ExportOptions(format=form, thinking=thinking), Silent())
    assert report.counts.model_dump(mode="json") == {
        "images": 3,
        "turned": 0,
        "examples": 6,
        "rows": 5,
        "left_out": {reason: 1},
    }
    assert len(read_rows(tmp_path / "out")) == 5


def test_words_of_other_formats_are_no_reason_to_leave_a_text_out(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world", 1, 0)
    world.results[0].completions = [make_completion(world.images[0].ref.image_id, GLM, "an ASSISTANT: </s>|A fish.")]
    world.pack()
    assert len(run(world, tmp_path / "out", thinking="reasoning_content")) == 2


def test_words_in_thinking_that_is_not_written_are_no_reason_to_leave_a_text_out(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world", 1, 0)
    world.results[0].completions = [make_completion(world.images[0].ref.image_id, GLM, "an <image>|A fish.")]
    world.pack()
    assert len(run(world, tmp_path / "out", "llava", thinking="none")) == 2


# --- which way up ---

XMP = b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


def make_turned(directory: Path, data: bytes, images: int = 2) -> World:
    """A packed world whose first image has these bytes."""
    world = make_world(directory, images, 0)
    image_id = world.images[0].ref.image_id
    world.source.files[image_id] = data
    world.images[0] = make_image(image_id, data)
    world.pack()
    return world


def look(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def distance(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of two pictures' values."""
    return float(np.abs(np.asarray(one.convert("RGB"), int) - np.asarray(other.convert("RGB"), int)).mean())


@pytest.mark.parametrize("form", FORMATS)
def test_a_picture_that_asks_to_be_turned_lies_as_the_teachers_saw_it_and_asks_for_nothing(
    form: str, tmp_path: Path
) -> None:
    data = make_jpeg(0, (24, 16), orientation=6)
    world = make_turned(tmp_path / "world", data)
    report = export(world.out, tmp_path / "out", ExportOptions(format=form), Silent())
    assert report.counts.model_dump() == {"images": 2, "turned": 1, "examples": 4, "rows": 4, "left_out": {}}
    pictures = {picture_of(tmp_path / "out", row) for row in read_rows(tmp_path / "out")}
    assert len(pictures) == 2
    assert world.source.files[world.images[1].ref.image_id] in pictures
    (written,) = pictures - set(world.source.files.values())
    assert look(written).getexif().get(0x0112) is None
    assert look(written).size == (16, 24)
    assert distance(look(written), open_picture(data).image) < 4


def test_what_only_xmp_says_of_a_picture_turns_it_for_no_reader(tmp_path: Path) -> None:
    # datasets would, through Pillow; the teachers saw it as it lies
    plain = make_jpeg(0, (24, 16))
    data = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(XMP) + 2) + XMP + plain[2:]
    world = make_turned(tmp_path / "world", data, images=1)
    assert export(world.out, tmp_path / "out", ExportOptions(format="trl"), Silent()).counts.turned == 1
    row = next(iter(load_dataset(str(tmp_path / "out"), split="train", streaming=True)))
    assert row["images"][0].size == (24, 16)
    assert distance(row["images"][0], open_picture(plain).image) < 4


def test_only_pictures_that_rows_hold_count_as_turned(tmp_path: Path) -> None:
    world = make_turned(tmp_path / "world", make_jpeg(0, orientation=6))
    for results in world.results:
        bad, good = world.images[0].ref.image_id, world.images[1].ref.image_id
        results.completions = [
            make_completion(bad, results.name, "an <image>|A fish."),
            make_completion(good, results.name),
        ]
    world.pack()
    assert export(world.out, tmp_path / "out", ExportOptions(format="trl"), Silent()).counts.turned == 0


# --- which images ---


def test_a_limit_takes_the_first_images_and_no_part_more_than_needed(world: World, tmp_path: Path) -> None:
    whole, some = run(world, tmp_path / "whole"), run(world, tmp_path / "some", limit=6)
    assert some == whole[:12]
    assert len(list((tmp_path / "some" / "data").iterdir())) == 2


def test_a_limit_beyond_the_split_is_all_of_it(world: World, tmp_path: Path) -> None:
    assert len(run(world, tmp_path / "out", limit=1000)) == 24


def test_the_benchmark_is_exported_only_by_name_and_with_a_warning(world: World, tmp_path: Path) -> None:
    noted = NotedProgress()
    report = export(world.out, tmp_path / "out", ExportOptions(format="llava", split="benchmark"), noted)
    assert report.counts.images == 3
    assert any("held out" in warning for warning in noted.warnings)
    assert len(json.loads((tmp_path / "out" / "benchmark.json").read_bytes())) == 6


def test_texts_of_the_embedded_engine_are_exported_with_a_warning(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world", 1, 0)
    for results in world.results:
        results.completions = [each.model_copy(update={"engine": "pixels"}) for each in results.completions]
    world.pack()
    noted = NotedProgress()
    export(world.out, tmp_path / "out", ExportOptions(format="trl"), noted)
    assert any("embedded engine" in warning for warning in noted.warnings)
    assert "measured from the pictures and written by no model" in (tmp_path / "out" / "README.md").read_text()


# --- the same bytes, whatever happens ---


@pytest.mark.parametrize("form", ["llava", pytest.param("trl", marks=pytest.mark.slow)])
def test_workers_change_no_byte(form: str, world: World, tmp_path: Path) -> None:
    options = ExportOptions(format=form)
    export(world.out, tmp_path / "one", options, Silent(), workers=1)
    export(world.out, tmp_path / "two", options, Silent(), workers=2)
    assert files(tmp_path / "one") == files(tmp_path / "two")


@pytest.mark.parametrize("form", FORMATS)
def test_a_run_killed_at_any_write_is_finished_by_the_next(
    form: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ExportOptions(format=form)
    export(world.out, tmp_path / "whole", options, Silent())
    replace = Path.replace
    for renames in itertools.count():
        out, left = tmp_path / f"killed-{renames}", iter(range(renames))

        def die_at_rename(path: Path, target: Path, left: Iterator[int] = left) -> Path:
            if next(left, None) is None:
                raise KeyboardInterrupt
            return replace(path, target)

        with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
            patch.setattr(Path, "replace", die_at_rename)
            export(world.out, out, options, Silent())
            break
        assert read_report(out) is None
        export(world.out, out, options, Silent())
        assert files(out) == files(tmp_path / "whole")
    # whose it is, three parts with receipts, the documents, the report; LLaVA's array, LLaMA-Factory's names
    assert renames == 9 + (form in ("llava", "llamafactory"))


def test_what_a_killed_run_left_half_written_is_removed(world: World, tmp_path: Path) -> None:
    run(world, tmp_path / "whole", "swift")
    out = tmp_path / "out"
    (out / ".export").mkdir(parents=True)
    (out / ".export" / ".identity.json.77.tmp").write_bytes(b"{")
    run(world, out, "swift")
    (out / "export.json").unlink()
    (out / "data" / ".train-00000-of-00003.jsonl.77.tmp").write_bytes(b"half")
    (out / "images" / ".train-00000-of-00003.77.tmp" / "00").mkdir(parents=True)
    run(world, out, "swift")
    assert files(out) == files(tmp_path / "whole")
    assert not list(out.rglob("*.tmp"))


def test_finished_parts_are_not_written_again(world: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(world, out)
    (out / "export.json").unlink()
    parts = sorted((out / "data").iterdir())
    before = [part.stat().st_mtime_ns for part in parts]
    parts[1].write_bytes(b"short")
    run(world, out)
    after = [part.stat().st_mtime_ns for part in parts]
    assert (before[0], before[2]) == (after[0], after[2])
    assert before[1] != after[1]


def test_a_whole_export_is_not_touched(world: World, tmp_path: Path) -> None:
    def list_changes() -> dict[Path, int]:
        everything = (path for path in (tmp_path / "out").rglob("*") if path.name != "lock")
        return {path: path.stat().st_mtime_ns for path in everything}

    run(world, tmp_path / "out", "llava")
    before = list_changes()
    run(world, tmp_path / "out", "llava")
    assert list_changes() == before


@pytest.mark.parametrize("form", ["llava", "swift"])
def test_pictures_that_were_removed_are_written_again(form: str, world: World, tmp_path: Path) -> None:
    run(world, tmp_path / "out", form)
    before = files(tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "images" / "train-00001-of-00003")
    run(world, tmp_path / "out", form)
    assert files(tmp_path / "out") == before


# --- what is refused ---


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"format": "tlr"}, r"--format 'tlr': unknown; did you mean trl\?"),
        ({"format": "trl", "teacher": "qwen"}, "--teacher 'qwen': unknown; known are glm, kimi, both, first, longer"),
        ({"format": "trl", "thinking": "tags"}, "--thinking 'tags': unknown"),
        ({"format": "trl", "preference": "better"}, "--preference 'better': unknown"),
        ({"format": "trl", "preference": "longer", "teacher": "glm"}, "compares all teachers"),
        ({"format": "verl", "preference": "longer"}, "verl has no form for it; trl, llamafactory and swift have"),
        ({"format": "llava", "preference": "longer"}, "llava has no form for it"),
        ({"format": "swift", "thinking": "reasoning_content"}, "swift has no form for it; trl and verl have"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(
    options: dict[str, str], said: str, world: World, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=said):
        export(world.out, tmp_path / "out", ExportOptions.model_validate(options), Silent())
    assert not (tmp_path / "out").exists()


def test_one_teacher_is_not_enough_to_prefer_one(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world", 2, 0)
    del world.results[1]
    world.pack()
    with pytest.raises(ConfigError, match="only one teacher"):
        run(world, tmp_path / "out", preference="longer")


def test_a_beginning_of_two_names_is_refused(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world", 1, 0)
    world.results[1].name = "glm-2"
    world.results[1].completions = [make_completion(world.images[0].ref.image_id, "glm-2")]
    world.pack()
    assert len(run(world, tmp_path / "exact", teacher="glm")) == 1
    with pytest.raises(ConfigError, match="begins the names of glm and glm-2"):
        run(world, tmp_path / "out", teacher="gl")


@pytest.mark.parametrize("other", [{"thinking": "none"}, {"teacher": "glm"}, {"limit": 3}])
def test_a_folder_with_another_export_is_refused_and_stays(other: dict[str, Any], world: World, tmp_path: Path) -> None:
    run(world, tmp_path / "out")
    before = files(tmp_path / "out")
    with pytest.raises(ConfigError, match=f"holds another export .*{next(iter(other))} was"):
        run(world, tmp_path / "out", **other)
    assert files(tmp_path / "out") == before


def test_a_folder_with_the_export_of_another_dataset_is_refused(world: World, tmp_path: Path) -> None:
    run(world, tmp_path / "out")
    with pytest.raises(ConfigError, match="of another dataset"):
        run(make_dataset(tmp_path / "world", 4, 0), tmp_path / "out")


def test_a_folder_with_anything_else_is_refused_and_stays(world: World, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    with pytest.raises(ConfigError, match="is there already and is no export"):
        run(world, tmp_path / "out")
    assert files(tmp_path / "out") == {"thesis.tex": b"years of work"}


@pytest.mark.parametrize("place", [".", "trl"])
def test_the_dataset_itself_stays_as_it_is(place: str, world: World, tmp_path: Path) -> None:
    copy = shutil.copytree(world.out, tmp_path / "dataset")
    with pytest.raises(ConfigError, match="lies in the dataset"):
        export(copy, copy / place, ExportOptions(format="trl"), Silent())
    assert files(copy) == files(world.out)


def test_a_folder_below_a_file_is_refused(world: World, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="file/out: lies below a file"):
        run(world, tmp_path / "file" / "out")


def test_a_folder_in_which_another_process_is_at_work_is_refused(world: World, tmp_path: Path) -> None:
    run(world, tmp_path / "out")
    with (tmp_path / "out" / ".export" / "lock").open("rb+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="process unknown is at work in it"):
            run(world, tmp_path / "out")
    run(world, tmp_path / "out")


@pytest.mark.parametrize("form", ["trl", "swift"])
def test_a_disk_that_fills_leaves_nothing_half_written_and_the_next_run_goes_on(
    form: str, world: World, tmp_path: Path
) -> None:
    out, options = tmp_path / "out", ExportOptions(format=form)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, limits[1]))
        with pytest.raises(OSError, match="train-00000-of-00003"):
            export(world.out, out, options, Silent())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert read_report(out) is None
    assert not [path for path in out.rglob("*") if path.suffix in {".parquet", ".jsonl", ".tmp"}]
    assert export(world.out, out, options, Silent()).counts.rows == 24


def test_a_dataset_without_pictures_is_refused_with_the_way_to_get_them(world: World, tmp_path: Path) -> None:
    copy = shutil.copytree(world.out, tmp_path / "annotations")

    whole = DatasetManifest.model_validate_json((copy / "manifest.json").read_bytes())
    bare = whole.model_copy(update={"edition": "annotations", "pictured": whole.shards, "made_from": whole.sha256})
    (copy / "manifest.json").write_text(bare.signed().model_dump_json())
    with pytest.raises(DatasetError, match=r"has no pictures; .*imagenet-think rejoin"):
        export(copy, tmp_path / "out", ExportOptions(format="trl"), Silent())
    assert not (tmp_path / "out").exists()


def test_a_shard_that_changed_since_it_was_packed_is_refused_by_name(world: World, tmp_path: Path) -> None:
    copy = shutil.copytree(world.out, tmp_path / "dataset")
    shard = copy / "data" / "train-00001-of-00003.tar"
    data = bytearray(shard.read_bytes())
    at = data.index(b"scales")
    data[at : at + 6] = b"SCALES"
    shard.write_bytes(data)
    with pytest.raises(DatasetError, match=r"train-00001-of-00003\.tar: is not what the manifest says; see .* verify"):
        export(copy, tmp_path / "out", ExportOptions(format="trl"), Silent())
    assert read_report(tmp_path / "out") is None


def test_a_missing_shard_is_refused_by_name(world: World, tmp_path: Path) -> None:
    copy = shutil.copytree(world.out, tmp_path / "dataset")
    (copy / "data" / "train-00002-of-00003.tar").unlink()
    with pytest.raises(DatasetError, match=r"train-00002-of-00003\.tar: is missing"):
        export(copy, tmp_path / "out", ExportOptions(format="swift"), Silent())


def test_a_split_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="has no images in benchmark; it has train"):
        run(make_dataset(tmp_path / "world", 2, 0), tmp_path / "out", split="benchmark")

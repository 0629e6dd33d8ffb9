from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import random
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.files import write_atomic
from pipeline.packing import WORK_DIRECTORY, pack
from pipeline.progress import Silent
from pipeline.tables import read_rows, write_rows
from schemas.completion import Rung
from schemas.errors import ConservationError, DatasetError, SourceError
from schemas.manifest import DatasetManifest
from schemas.record import ThinkRecord
from schemas.rejection import Rejection, RejectReason, Stage
from tests.pipeline.packing.world import (
    GLM,
    HOUSEDOG,
    KIMI,
    TENCH,
    World,
    answer_all,
    digests,
    gzipped,
    make_completion,
    make_image,
    make_jpeg,
    make_png,
    make_world,
)

# The smallest greyscale JPEG there is of 8 x 8 pixels: bytes that no encoder's version can change.
TINY_JPEG = bytes.fromhex(
    "ffd8ffe000104a46494600010100000100010000ffdb004300" + "ff" * 64 + "ffc0000b080008000801011100"
    "ffc40014000100000000000000000000000000000000ffc40014100100000000000000000000000000000000"
    "ffda0008010100003f003fffd9"
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


def records(out: Path) -> dict[str, ThinkRecord]:
    found = {}
    for path in sorted((out / "data").iterdir()):
        with tarfile.open(path) as archive:
            for member in archive.getmembers():
                file = archive.extractfile(member)
                if member.name.endswith(".json") and file is not None:
                    found[member.name] = ThinkRecord.model_validate_json(file.read())
    return found


def member(out: Path, name: str) -> bytes:
    for path in (out / "data").iterdir():
        with tarfile.open(path) as archive:
            if name in archive.getnames():
                file = archive.extractfile(name)
                assert file is not None
                return file.read()
    raise KeyError(name)


# --- what is in a shard ---


def test_a_sample_is_three_neighbours_with_the_images_id(world: World) -> None:
    world.pack()
    with tarfile.open(world.out / "data" / "benchmark-00000-of-00001.tar") as archive:
        names = archive.getnames()
    keys = {image.ref.image_id for image in world.images if image.split == "benchmark"}
    assert {name.split(".")[0] for name in names} == keys
    assert [name.split(".")[1] for name in names] == ["cls", "jpg", "json"] * len(keys)
    assert [name.split(".")[0] for name in names[::3]] == [name.split(".")[0] for name in names[2::3]]


def test_a_record_holds_the_image_its_class_and_one_pair_per_teacher_in_order(world: World) -> None:
    world.pack()
    record = records(world.out)[f"{HOUSEDOG}_1.json"]
    assert (record.image_id, record.wnid, record.lemmas) == (f"{HOUSEDOG}_1", HOUSEDOG, ("housedog",))
    assert (record.split, record.holdout, record.width, record.height) == ("train", "none", 24, 16)
    assert [pair.teacher for pair in record.pairs] == [GLM, KIMI]
    assert [pair.rung for pair in record.pairs] == [Rung.AS_IS, Rung.NEW_SEED]
    assert record.pairs[1].thinking == f"kimi looks at {HOUSEDOG}_1 – slowly."
    assert record.pairs[1].answer == "A picture."
    assert record.pairs[1].raw == f"kimi looks at {HOUSEDOG}_1 – slowly.|A picture."


def test_a_record_says_what_its_image_stands_for_and_what_is_odd_about_it(world: World) -> None:
    image = world.images[0]
    facts = image.facts.model_copy(update={"greyscale": True})
    odd = {"facts": facts, "stratum": "high", "weight": 0.125, "blurred": True}
    world.images[0] = image.model_copy(update=odd)
    world.pack()
    written = records(world.out)
    record, other = written[f"{TENCH}_0.json"], written[f"{HOUSEDOG}_1.json"]
    assert (record.stratum, record.weight, record.greyscale, record.blurred) == ("high", 0.125, True, True)
    assert (other.stratum, other.weight, other.greyscale, other.blurred) == ("middle", 12.5, False, False)


def test_the_class_member_is_the_taxonomys_label(world: World) -> None:
    entry = world.inputs().taxonomy.label(TENCH)
    world.pack()
    assert member(world.out, f"{TENCH}_0.cls") == str(entry).encode()


def test_a_jpeg_is_packed_byte_for_byte(world: World) -> None:
    world.pack()
    assert member(world.out, f"{TENCH}_0.jpg") == make_jpeg(0)
    assert records(world.out)[f"{TENCH}_0.json"].image_encoding == "source"


@pytest.mark.parametrize(
    ("data", "image_format", "encoding"),
    [(gzipped(make_jpeg(0)), "JPEG", "unwrapped"), (make_png(0), "PNG", "transcoded")],
    ids=["gzip", "png"],
)
def test_what_is_no_plain_jpeg_becomes_one_and_says_so(
    world: World, data: bytes, image_format: str, encoding: str
) -> None:
    image_id = f"{TENCH}_0"
    world.source.files[image_id] = data
    world.images[0] = make_image(image_id, data, 0, image_format=image_format)  # type: ignore[arg-type] # parametrised
    world.pack()
    record = records(world.out)[f"{image_id}.json"]
    assert (record.image_encoding, record.source_format) == (encoding, image_format)
    assert record.sha256 == hashlib.sha256(data).hexdigest()
    assert member(world.out, f"{image_id}.jpg").startswith(b"\xff\xd8\xff")


def test_json_has_the_models_key_order_and_no_escapes(world: World) -> None:
    world.pack()
    text = member(world.out, f"{TENCH}_0.json").decode()
    assert list(json.loads(text)) == list(ThinkRecord.model_fields)
    assert "–" in text
    assert ": " not in text.partition('"prompt"')[0].replace('": ', "")


def test_a_prompt_with_the_label_is_recorded_as_each_image_got_it(world: World) -> None:
    world.prompt = "describe-with-label"
    world.pack()
    record = records(world.out)[f"{TENCH}_0.json"]
    assert record.label_shown
    assert "tench" in record.prompt


def test_a_tiny_shard_has_these_very_bytes(tmp_path: Path) -> None:
    image = make_image(f"{TENCH}_1", TINY_JPEG)
    world = make_world(tmp_path, 0, 0)
    world.images = [image]
    world.source.files = {image.ref.image_id: TINY_JPEG}
    world.results = [answer_all(GLM, world.images), answer_all(KIMI, world.images)]
    world.pack()
    digest = digests(world.out)["data/train-00000-of-00001.tar"]
    # Raise PACKING_VERSION and put the new digest here when the bytes of shards are changed on purpose.
    assert digest == "a7e7191bf0937b27e7ce4c28572c722db197f172280ef93ac1a7da1383297b17"


# --- the same bytes, always ---


def test_two_runs_in_two_places_give_the_same_files(world: World, tmp_path: Path) -> None:
    world.pack()
    other = make_world(tmp_path / "elsewhere")
    other.pack()
    assert digests(world.out) == digests(other.out)


def test_the_order_of_ledger_and_selection_changes_no_shard(world: World, tmp_path: Path) -> None:
    world.pack()
    other = make_world(tmp_path / "elsewhere")
    for results in other.results:
        random.Random(1).shuffle(results.completions)
    random.Random(2).shuffle(other.images)
    other.pack()
    assert shard_digests(world.out) == shard_digests(other.out)


def test_the_number_of_workers_changes_nothing(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world.pack()
    monkeypatch.setattr("pipeline.packing.shards.IMAGES_PER_WORKER", 1)
    other = make_world(tmp_path / "elsewhere")
    other.workers = 3
    other.pack()
    assert digests(world.out) == digests(other.out)


def test_what_took_how_long_changes_nothing(world: World, tmp_path: Path) -> None:
    world.pack()
    other = make_world(tmp_path / "elsewhere")
    for results in other.results:
        results.completions = [
            row.model_copy(update={"seconds": 9.0, "started_at": 9.0}) for row in results.completions
        ]
    other.pack()
    assert digests(world.out) == digests(other.out)


# --- doing what is missing ---


def test_a_dataset_that_is_up_to_date_is_not_touched(world: World) -> None:
    world.pack()
    before = stamps(world.out)
    world.pack()
    assert stamps(world.out) == before


def test_a_missing_shard_is_written_again_and_no_other(world: World) -> None:
    world.pack()
    whole, before = digests(world.out), stamps(world.out)
    lost = "data/train-00000-of-00002.tar"
    (world.out / lost).unlink()
    world.pack()
    after = stamps(world.out)
    assert digests(world.out) == whole
    assert {path for path in after if path.startswith("data/") and after[path] != before[path]} == {lost}


def test_a_shard_of_another_size_is_written_again(world: World) -> None:
    world.pack()
    whole = digests(world.out)
    with (world.out / "data/train-00000-of-00002.tar").open("ab") as file:
        file.write(b"more")
    world.pack()
    assert digests(world.out) == whole


def test_one_other_text_changes_one_shard(world: World) -> None:
    world.pack()
    before = shard_digests(world.out)
    world.results[0].completions[0] = make_completion(f"{TENCH}_0", GLM, "another|text")
    world.pack()
    after = shard_digests(world.out)
    assert sum(before[path] != after[path] for path in before) == 1


def test_a_run_killed_at_any_write_is_finished_by_the_next(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.pack()
    replace = Path.replace
    for renames in itertools.count():
        other = make_world(tmp_path / f"killed-{renames}")
        inputs = other.inputs()
        left = iter(range(renames))

        def die_at_rename(path: Path, target: Path, left: Iterator[int] = left) -> Path:
            if next(left, None) is None:
                raise KeyboardInterrupt
            return replace(path, target)

        with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
            patch.setattr(Path, "replace", die_at_rename)
            pack(inputs, other.out, Silent())
            break
        assert not (other.out / "manifest.json").exists()
        pack(inputs, other.out, Silent())
        assert digests(other.out) == digests(world.out)
    # the work's own rejections, three shards with receipts, the dataset's rejections, eight documents
    assert renames == 17


def test_another_shape_leaves_nothing_of_the_old_one(world: World, tmp_path: Path) -> None:
    world.pack()
    (world.out / "data" / ".train-00000-of-00002.tar.77.tmp").write_bytes(b"half")
    world.images_per_shard = 100
    world.pack()
    other = make_world(tmp_path / "elsewhere")
    other.images_per_shard = 100
    other.pack()
    assert digests(world.out) == digests(other.out)


def test_a_file_that_packing_did_not_make_is_left_alone(world: World) -> None:
    world.pack()
    (world.out / "data" / "notes.txt").write_text("mine")
    world.images_per_shard = 100
    world.pack()
    assert (world.out / "data" / "notes.txt").read_text() == "mine"


def test_the_manifest_is_gone_while_anything_changes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.pack()
    world.results[0].completions[0] = make_completion(f"{TENCH}_0", GLM, "another|text")
    seen = []

    def look(path: Path, data: bytes) -> None:
        seen.append((world.out / "manifest.json").exists())
        write_atomic(path, data)

    monkeypatch.setattr("pipeline.packing.shards.write_atomic", look)
    world.pack()
    assert seen == [False]


def test_spooled_texts_do_not_stay_on_disk(world: World) -> None:
    world.pack()
    kept = [
        path.relative_to(world.directory / WORK_DIRECTORY) for path in (world.directory / WORK_DIRECTORY).rglob("*")
    ]
    assert "spool" not in {path.parts[0] for path in kept}


# --- nothing disappears ---


def test_an_image_without_a_pair_from_every_teacher_is_rejected_with_the_reason(world: World) -> None:
    glm, kimi = world.results
    lost, unasked = f"{TENCH}_0", f"{HOUSEDOG}_1"
    for results in world.results:
        results.completions = [row for row in results.completions if row.image_id not in (lost, unasked)]
    glm.completions.append(make_completion(unasked, GLM))
    glm.faults[lost] = (RejectReason.TRUNCATED, "glm: truncated after 4 attempt(s)")
    kimi.faults[lost] = (RejectReason.NO_THINK, "kimi: no_think after 4 attempt(s)")
    manifest = world.pack()
    assert (manifest.selected, manifest.packed) == (9, 7)
    assert manifest.rejected == {Stage.PACK: {RejectReason.TRUNCATED: 1, RejectReason.NOT_GENERATED: 1}}
    assert list(read_rows(world.out / "rejections.parquet", Rejection)) == [
        Rejection(
            image_id=lost,
            wnid=TENCH,
            stage=Stage.PACK,
            reason=RejectReason.TRUNCATED,
            detail="glm: truncated after 4 attempt(s); kimi: no_think after 4 attempt(s)",
        ),
        Rejection(
            image_id=unasked,
            wnid=HOUSEDOG,
            stage=Stage.PACK,
            reason=RejectReason.NOT_GENERATED,
            detail="kimi: not asked yet",
        ),
    ]


def test_rejections_of_all_stages_are_published_in_the_stages_order(world: World) -> None:
    for stage, reason in ((Stage.SELECT, RejectReason.BLANK), (Stage.INDEX, RejectReason.UNSAFE_NAME)):
        rejection = Rejection(image_id="", wnid="", stage=stage, reason=reason, detail="")
        world.earlier[stage] = world.directory / f"{stage}.parquet"
        write_rows(world.earlier[stage], [rejection], Rejection)
    manifest = world.pack()
    assert list(manifest.rejected) == [Stage.INDEX, Stage.SELECT]
    assert pq.read_table(world.out / "rejections.parquet")["stage"].to_pylist() == ["index", "select"]


def test_nothing_to_pack_is_an_error_that_counts_the_reasons(world: World) -> None:
    world.results[0].completions.clear()
    with pytest.raises(DatasetError, match=r"no image has a valid pair from every teacher \(not_generated 9\)"):
        world.pack()
    assert not world.out.exists()


def test_completions_beyond_the_selection_are_left_out(world: World) -> None:
    world.results[0].completions.insert(0, make_completion(f"{TENCH}_999", GLM))
    assert world.pack().teachers[0].pairs == 9


def test_an_empty_split_has_no_shard_and_no_entry(tmp_path: Path) -> None:
    world = make_world(tmp_path, train=3, benchmark=0)
    assert {shard.split for shard in world.pack().shards} == {"train"}
    assert "benchmark-" not in (world.out / "README.md").read_text()


def _double(world: World) -> None:
    world.results[0].completions.append(world.results[0].completions[0])


def _lose(world: World) -> None:
    world.results[0].accepted = lambda: iter(world.results[0].completions[1:])  # type: ignore[method-assign] # a liar


def _mix_models(world: World) -> None:
    rows = world.results[0].completions
    rows[0] = rows[0].model_copy(update={"model": "lab/other"})


def _reparse(world: World) -> None:
    world.results[0].completions[0] = make_completion(f"{TENCH}_0", GLM, "no bar")


@pytest.mark.parametrize("break_promise", [_double, _lose, _mix_models, _reparse])
def test_results_that_break_their_promise_are_refused(world: World, break_promise: Callable[[World], None]) -> None:
    break_promise(world)
    with pytest.raises(ConservationError):
        world.pack()


def test_a_selection_that_lost_rows_is_refused(world: World) -> None:
    inputs = world.inputs()
    world.images.pop()
    world.inputs()
    with pytest.raises(ConservationError, match="9 images were selected but 8 are accounted for"):
        pack(inputs, world.out, Silent())


# --- what can go wrong with the source ---


def test_an_image_that_changed_since_it_was_screened_is_named(world: World) -> None:
    world.source.files[f"{TENCH}_0"] = make_jpeg(99)
    with pytest.raises(SourceError, match=rf"{TENCH}_0.*changed since"):
        world.pack()


def test_an_image_that_is_gone_is_named(world: World) -> None:
    del world.source.files[f"{TENCH}_0"]
    with pytest.raises(SourceError, match=rf"{TENCH}_0: gone"):
        world.pack()


# --- the files beside the shards ---


def test_sha256sum_agrees(world: World) -> None:
    world.pack()
    check = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    subprocess.run(check, cwd=world.out, check=True)
    listed = {line[66:] for line in (world.out / "SHA256SUMS").read_text().splitlines()}
    assert listed == digests(world.out).keys() - {"SHA256SUMS"}


def test_the_manifest_carries_its_own_digest_and_what_was_packed(world: World) -> None:
    returned = world.pack()
    manifest = DatasetManifest.model_validate_json((world.out / "manifest.json").read_bytes())
    assert manifest == returned
    assert manifest.sha256 == manifest.digest()
    assert manifest.selection_sha256 == world.manifest().sha256
    assert [(teacher.name, teacher.pairs_by_rung) for teacher in manifest.teachers] == [
        (GLM, {"as_is": 9}),
        (KIMI, {"new_seed": 9}),
    ]
    assert [(shard.path, shard.images) for shard in manifest.shards] == [
        ("data/train-00000-of-00002.tar", 3),
        ("data/train-00001-of-00002.tar", 3),
        ("data/benchmark-00000-of-00001.tar", 3),
    ]


def test_timm_finds_its_splits(world: World) -> None:
    world.pack()
    info = json.loads((world.out / "_info.json").read_bytes())
    assert info["splits"]["train"] == {
        "name": "train",
        "num_samples": 6,
        "filenames": ["data/train-00000-of-00002.tar", "data/train-00001-of-00002.tar"],
        "shard_lengths": [3, 3],
    }


def shard_digests(out: Path) -> dict[str, str]:
    return {path: digest for path, digest in digests(out).items() if path.startswith("data/")}


def stamps(out: Path) -> dict[str, tuple[int, int]]:
    found = {path.relative_to(out).as_posix(): path.stat() for path in out.rglob("*") if path.is_file()}
    return {path: (status.st_ino, status.st_mtime_ns) for path, status in found.items()}

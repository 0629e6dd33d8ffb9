"""Shards in timm's layout: which images they hold, whatever else they hold."""

from __future__ import annotations

import io
import json
import os
import pickle
import tarfile
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources.options import ScanOptions
from pipeline.sources.shards import scan as shard_scan
from pipeline.sources.shards.scan import Shard, scan_shard
from pipeline.sources.streams.readers import ForwardReader, WindowReader
from pipeline.sources.webdataset import WebDatasetSource
from schemas.errors import SourceError
from schemas.image import ImageRef
from tests.collections import Collection, make_tar, member, synthetic_photograph
from tests.pipeline.sources.listing import Listing, list_container, list_source

CLASS = "n02018795"
PHOTOGRAPH = synthetic_photograph(f"{CLASS}_1")
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (300).to_bytes(4, "big") + (260).to_bytes(4, "big") + bytes(64)


def sidecar(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def sample(key: str, image: bytes = PHOTOGRAPH, **facts: object) -> dict[str, bytes]:
    """The members of one sample in the order in which they are written."""
    return {f"{key}.cls": b"7", f"{key}.jpg": image, f"{key}.json": sidecar(label=7, **facts)}


def write_shard(root: Path, members: dict[str, bytes], name: str = "imagenet-train-0000.tar") -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(make_tar(members))
    return root


def list_shard(root: Path, members: dict[str, bytes], options: ScanOptions | None = None) -> Listing:
    return list_source(WebDatasetSource(write_shard(root, members), options or ScanOptions()))


def test_every_sample_is_one_image_and_its_sidecars_are_companions(tmp_path: Path) -> None:
    source = WebDatasetSource(write_shard(tmp_path, sample(f"{CLASS}_1") | sample(f"{CLASS}_2")), ScanOptions())
    listing = list_source(source)
    assert listing.ids == [f"{CLASS}_1", f"{CLASS}_2"]
    assert listing.sizes[f"{CLASS}_1"] == (256, 240, "JPEG")
    assert listing.companions == 4
    assert listing.rejections == []
    assert [source.read(ref) for ref in listing.refs] == [PHOTOGRAPH, PHOTOGRAPH]
    assert source.file_of(listing.refs[0]) is None


def test_shards_are_found_in_any_folder_under_any_name_and_listed_by_name(tmp_path: Path) -> None:
    write_shard(tmp_path / "b", sample(f"{CLASS}_2"), "whatever.TAR")
    write_shard(tmp_path / "a", sample(f"{CLASS}_1"), "0.tar")
    assert list_source(WebDatasetSource(tmp_path, ScanOptions())).ids == [f"{CLASS}_1", f"{CLASS}_2"]


def test_the_members_of_a_sample_come_in_any_order(tmp_path: Path) -> None:
    members = sample(f"{CLASS}_1")
    for number, names in enumerate((list(members), list(members)[::-1])):
        listing = list_shard(tmp_path / str(number), {name: members[name] for name in names})
        assert (listing.ids, listing.companions, listing.rejections) == ([f"{CLASS}_1"], 2, [])


def test_the_key_ends_at_the_first_dot_of_the_last_part(tmp_path: Path) -> None:
    key = f"part.one/{CLASS}_1"
    listing = list_shard(tmp_path, {f"{key}.jpg": PHOTOGRAPH, f"{key}.seg.png": PNG, f"{key}.seg.json": b"[]"})
    assert (listing.ids, listing.companions, listing.rejections) == ([f"{CLASS}_1"], 2, [])


@pytest.mark.parametrize("suffix", ["jpg", "JPEG", "png", "webp"])
def test_an_image_needs_no_sidecar(tmp_path: Path, suffix: str) -> None:
    assert list_shard(tmp_path, {f"{CLASS}_1.{suffix}": PHOTOGRAPH}).ids == [f"{CLASS}_1"]


def test_a_key_that_is_no_id_leaves_it_to_the_sidecars_file_name(tmp_path: Path) -> None:
    members = sample("00000017", filename=f"{CLASS}/{CLASS}_1761.JPEG", width=256, height=240)
    listing = list_shard(tmp_path, members)
    assert (listing.ids, listing.companions) == ([f"{CLASS}_1761"], 2)


def test_an_integer_label_names_no_class(tmp_path: Path) -> None:
    listing = list_shard(tmp_path, sample("00000017", class_name=CLASS))
    assert listing.reasons() == [("not_an_image_id", "imagenet-train-0000.tar: 00000017.jpg")]
    assert listing.companions == 2


def test_a_sidecar_without_an_image_is_rejected_with_its_id(tmp_path: Path) -> None:
    listing = list_shard(tmp_path, {f"{CLASS}_1.json": b"{}", f"{CLASS}_1.cls": b"7"} | sample(f"{CLASS}_2"))
    assert listing.ids == [f"{CLASS}_2"]
    assert [rejection.reason for rejection in listing.rejections] == ["sidecar_alone"] * 2
    assert {rejection.image_id for rejection in listing.rejections} == {f"{CLASS}_1"}


@pytest.mark.parametrize("facts", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000, b'{"width": NaN}'[:-1]])
def test_a_broken_sidecar_is_said_and_does_not_lose_the_image(tmp_path: Path, facts: bytes) -> None:
    listing = list_shard(tmp_path, sample(f"{CLASS}_1") | {f"{CLASS}_1.json": facts})
    assert listing.ids == [f"{CLASS}_1"]
    (rejection,) = listing.rejections
    assert (rejection.reason, rejection.image_id) == ("sidecar_alone", "")
    assert f"{CLASS}_1.json" in rejection.detail
    assert listing.entries == 3


@pytest.mark.parametrize("facts", [{"class_name": "n00005787"}, {"filename": f"{CLASS}/{CLASS}_9.JPEG"}])
def test_a_sidecar_that_names_another_image_is_not_believed(tmp_path: Path, facts: dict[str, str]) -> None:
    listing = list_shard(tmp_path, sample(f"{CLASS}_1", b"no picture", width=300, height=300, **facts))
    assert listing.sizes == {f"{CLASS}_1": (None, None, None)}
    assert listing.rejections[0].reason == "sidecar_alone"
    assert "the image's name rules" in listing.rejections[0].detail


def test_the_images_own_header_is_believed_before_the_sidecar(tmp_path: Path) -> None:
    assert list_shard(tmp_path, sample(f"{CLASS}_1", width=500, height=375)).sizes == {f"{CLASS}_1": (256, 240, "JPEG")}


def test_where_the_header_does_not_tell_the_sidecar_does(tmp_path: Path) -> None:
    listing = list_shard(tmp_path, sample(f"{CLASS}_1", b"\x1f\x8b", width=500, height=375))
    assert listing.sizes == {f"{CLASS}_1": (500, 375, None)}


def test_without_dimensions_the_sidecar_alone_is_asked(tmp_path: Path) -> None:
    members = sample(f"{CLASS}_1", width=500, height=375) | sample(f"{CLASS}_2")
    listing = list_shard(tmp_path, members, ScanOptions(dimensions=False))
    assert listing.sizes == {f"{CLASS}_1": (500, 375, None), f"{CLASS}_2": (None, None, None)}


@pytest.mark.parametrize("size", [(0, 5), (-1, 5), (True, 5), ("5", 5), (5.0, 5), (None, 5), (2**63, 5)])
def test_numbers_that_are_no_lengths_are_not_taken(tmp_path: Path, size: tuple[object, object]) -> None:
    members = sample(f"{CLASS}_1", width=size[0], height=size[1])
    listing = list_shard(tmp_path, members, ScanOptions(dimensions=False))
    assert listing.sizes == {f"{CLASS}_1": (None, None, None)}
    assert listing.rejections == []


def test_hostile_members_are_rejected_and_the_rest_stands(tmp_path: Path) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(member(f"/{CLASS}_1.jpg", 3), io.BytesIO(b"abc"))
        archive.addfile(member(f"../{CLASS}_2.jpg", 3), io.BytesIO(b"abc"))
        archive.addfile(member(f"{CLASS}_3.jpg", kind=tarfile.SYMTYPE))
        archive.addfile(member("folder", kind=tarfile.DIRTYPE))
        archive.addfile(member(f"{CLASS}_4.jpg", 3), io.BytesIO(b"abc"))
    (tmp_path / "a.tar").write_bytes(file.getvalue())
    listing = list_source(WebDatasetSource(tmp_path, ScanOptions()))
    assert listing.ids == [f"{CLASS}_4"]
    assert [(rejection.reason, rejection.image_id) for rejection in listing.rejections] == [
        ("unsafe_name", f"{CLASS}_1"),
        ("unsafe_name", f"{CLASS}_2"),
        ("not_a_regular_file", f"{CLASS}_3"),
    ]


def test_a_shard_that_ends_early_keeps_what_is_whole(tmp_path: Path) -> None:
    root = write_shard(tmp_path, sample(f"{CLASS}_1") | sample(f"{CLASS}_2"))
    shard = root / "imagenet-train-0000.tar"
    whole = len(make_tar(sample(f"{CLASS}_1"))) - 10_240
    os.truncate(shard, whole + 6000)
    listing = list_source(WebDatasetSource(root, ScanOptions()))
    assert f"{CLASS}_1" in listing.ids
    assert listing.rejections[-1].reason == "archive_damaged"


def test_a_compressed_shard_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"\x1f\x8b" + bytes(1024))
    with pytest.raises(SourceError, match=r"a\.tar is compressed \(gzip\)"):
        list_source(WebDatasetSource(tmp_path, ScanOptions()))


def test_files_beside_the_shards_are_accounted_for(tmp_path: Path) -> None:
    root = write_shard(tmp_path, sample(f"{CLASS}_1"))
    (root / "README.md").write_text("hello")
    (root / "_info.json").write_text("{}")
    (root / f"{CLASS}_2.JPEG").write_bytes(PHOTOGRAPH)
    source = WebDatasetSource(root, ScanOptions())
    listing = list_source(source)
    assert listing.ids == [f"{CLASS}_1", f"{CLASS}_2"]
    assert listing.reasons() == [("not_an_image_id", "README.md")]
    assert listing.companions == 3
    assert source.read(listing.refs[1]) == PHOTOGRAPH
    assert source.file_of(listing.refs[1]) == root / f"{CLASS}_2.JPEG"


def test_links_to_shards_are_followed_as_the_hubs_cache_has_them(tmp_path: Path) -> None:
    write_shard(tmp_path / "blobs", sample(f"{CLASS}_1"), "d41d8cd9")
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "snapshot" / "0000.tar").symlink_to("../blobs/d41d8cd9")
    assert list_source(WebDatasetSource(tmp_path / "snapshot", ScanOptions())).ids == [f"{CLASS}_1"]


@pytest.mark.parametrize("target", ["a.tar", "0.tar/b.tar", "nowhere.tar"])
def test_a_link_that_leads_to_no_file_is_rejected(tmp_path: Path, target: str) -> None:
    write_shard(tmp_path, sample(f"{CLASS}_1"), "0.tar")
    for name in ("a.tar", "info.json"):
        (tmp_path / name).symlink_to(target if name == "a.tar" else name)
    source = WebDatasetSource(tmp_path, ScanOptions())
    listing = list_source(source)
    assert listing.ids == [f"{CLASS}_1"]
    assert ("not_a_regular_file", "a.tar") in listing.reasons()
    assert source.warnings() == []


def test_a_containers_key_changes_with_its_file_alone(tmp_path: Path) -> None:
    for name in ("0.tar", "1.tar"):
        write_shard(tmp_path, sample(f"{CLASS}_{name[0]}"), name)
    source = WebDatasetSource(tmp_path, ScanOptions())
    before = {container.name: container.key for container in source.containers()}
    os.utime(tmp_path / "1.tar", (0, 0))
    after = {container.name: container.key for container in source.containers()}
    assert before["0.tar"] == after["0.tar"]
    assert before["1.tar"] != after["1.tar"]


def test_sources_go_to_other_processes(tmp_path: Path) -> None:
    source = WebDatasetSource(write_shard(tmp_path, sample(f"{CLASS}_1")), ScanOptions())
    refs = list_source(source).refs
    assert pickle.loads(pickle.dumps(source)).read(refs[0]) == PHOTOGRAPH


def write_info(root: Path, lengths: dict[str, int], name: str = "_info.json") -> None:
    split = {"name": "train", "filenames": list(lengths), "shard_lengths": list(lengths.values())}
    (root / name).write_text(json.dumps({"splits": {"train": split}}))


def test_a_shard_that_is_missing_is_said(tmp_path: Path) -> None:
    root = write_shard(tmp_path, sample(f"{CLASS}_1"), "0.tar")
    write_info(root, {"0.tar": 1, "1.tar": 1000, "2.tar": 1000})
    (line,) = WebDatasetSource(root, ScanOptions()).warnings()
    assert line == "2 of the 3 shards that info.json lists are missing (2,000 samples): 1.tar, 2.tar"


def test_a_shard_that_info_does_not_list_is_said(tmp_path: Path) -> None:
    root = write_shard(tmp_path, sample(f"{CLASS}_1"), "0.tar")
    write_shard(root, sample(f"{CLASS}_2"), "1.tar")
    write_info(root, {"0.tar": 1}, "info.json")
    assert WebDatasetSource(root, ScanOptions()).warnings() == ["1 shards are here that info.json does not list: 1.tar"]


def test_a_shard_that_holds_fewer_or_more_than_info_says_is_said(tmp_path: Path) -> None:
    source = WebDatasetSource(tmp_path, ScanOptions())
    write_info(tmp_path, {"0.tar": 1000, "1.tar": 1000, "2.tar": 1000})
    assert source.check({"0.tar": 990, "1.tar": 1000, "2.tar": 1001}) == [
        "1 shards hold fewer images than info.json says: 0.tar: 990 of 1,000",
        "1 shards hold more images than info.json says: 2.tar: 1,001 of 1,000",
    ]
    assert source.check({"1.tar": 1000}) == []


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"filenames": 3}', '{"splits": [1]}', "[" * 100_000])
def test_an_info_that_cannot_be_read_is_said(tmp_path: Path, content: str) -> None:
    (tmp_path / "info.json").write_text(content)
    assert WebDatasetSource(tmp_path, ScanOptions()).warnings() == [
        "info.json lists no shards, so nobody knows whether all are here"
    ]


def test_no_info_is_no_trouble(tmp_path: Path) -> None:
    source = WebDatasetSource(write_shard(tmp_path, sample(f"{CLASS}_1")), ScanOptions())
    assert source.warnings() == source.check({"imagenet-train-0000.tar": 1}) == []


def test_both_ways_of_reading_a_disk_list_the_same(tmp_path: Path) -> None:
    path = Collection(("n00005787", "n02123045"), 8).write(tmp_path / "shards", "webdataset")
    one, other = (list_source(WebDatasetSource(path, ScanOptions(scan_mode=mode))) for mode in ("random", "sequential"))
    assert one == other


def test_a_shard_can_be_entered_wherever_a_batch_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_scan, "BATCH_SECONDS", 0.0)
    members = sample(f"{CLASS}_1") | {"lonely.json": b"{}"} | sample("x" * 150) | sample(f"{CLASS}_2")
    source = WebDatasetSource(write_shard(tmp_path, members), ScanOptions())
    (container,) = source.containers()
    whole = list_source(source)
    assert len(whole.positions) == 4
    for position in whole.positions[:-1]:
        rest = list_container(source, container, position)
        assert rest.images.equals(whole.images.slice(len(whole.images) - len(rest.images)))
        assert rest.rejections == whole.rejections[len(whole.rejections) - len(rest.rejections) :]
        assert rest.entries < whole.entries


def test_behind_a_header_that_holds_for_all_members_no_batch_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_scan, "BATCH_SECONDS", 0.0)
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "all"}) as archive:
        for number in range(3):
            archive.addfile(member(f"{CLASS}_{number}.jpg", 3), io.BytesIO(b"abc"))
    (tmp_path / "a.tar").write_bytes(file.getvalue())
    listing = list_source(WebDatasetSource(tmp_path, ScanOptions()))
    assert len(listing.ids) == 3
    assert len(listing.positions) == 1


def test_a_sample_of_very_many_members_does_not_fill_the_memory(tmp_path: Path) -> None:
    listing = list_shard(tmp_path, {f"{CLASS}_1.{number}": b"" for number in range(3000)})
    assert listing.entries == len(listing.rejections) == 3000


def test_shards_with_checksums_of_seven_digits_are_read_once() -> None:
    members = {name: data for number in range(300) for name, data in sample(f"{CLASS}_{number}", b"abc").items()}
    data = bytearray(make_tar(members))
    for header in range(0, 2 * 512 * len(members), 2 * 512):  # as Rust's tar writes them
        data[header + 148 : header + 156] = b"0" + data[header + 148 : header + 154] + b"\0"
    asked = 0

    def fetch(length: int, position: int) -> bytes:
        nonlocal asked
        asked += 1
        return bytes(data[position : position + length])

    (batch,) = scan_shard(fetch, Shard("a.tar", len(data), dimensions=False), 0)
    assert (len(batch.images), batch.companions, batch.rejections) == (300, 600, [])
    assert asked < 2 * len(members)


names = st.sampled_from(
    [f"{CLASS}_{number}" for number in range(3)] + ["x", "a/b", f"{CLASS}_1/c", "long/" * 30 + f"{CLASS}_1"]
)
suffixes = st.sampled_from(["jpg", "JPEG", "json", "cls", "seg.png", "tar", "", "webp"])
contents = st.sampled_from([b"", PHOTOGRAPH, PNG, b"{}", b'{"class_name": "n00005787"}', b'{"width": 5, "height": 6}'])


@given(st.lists(st.tuples(names, suffixes, contents), max_size=12), st.integers(0, 2**14), st.booleans())
def test_each_member_counts_once_and_a_stream_gives_what_the_file_gives(
    tmp_path_factory: pytest.TempPathFactory, members: list[tuple[str, str, bytes]], cut: int, dimensions: bool
) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, suffix, data in members:
            archive.addfile(member(f"{name}.{suffix}" if suffix else name, len(data)), io.BytesIO(data))
    data = file.getvalue()[: -cut or None]
    path = tmp_path_factory.getbasetemp() / "property.tar"
    path.write_bytes(data)
    chunks = (data[start : start + 700] for start in range(0, len(data), 700))
    offered: dict[tuple[str, int], bytes] = {}
    shard = Shard("a.tar", len(data), dimensions)

    def offer(ref: ImageRef, image: bytes) -> None:
        offered[ref.image_id, ref.offset] = image

    streamed = Shard("a.tar", len(data), dimensions, offer)
    with path.open("rb") as opened:
        one = list(scan_shard(WindowReader(partial(os.pread, opened.fileno()), 2048).pread, shard, 0))
    other = list(scan_shard(ForwardReader(chunks, 0).pread, streamed, 0))
    assert one == other
    (batch,) = one
    rows = batch.images.to_pylist()
    if not cut:
        assert len(rows) + len(batch.rejections) + batch.companions == len(members)
    assert offered == {
        (row["image_id"], row["offset"]): data[row["offset"] : row["offset"] + row["size"]] for row in rows
    }

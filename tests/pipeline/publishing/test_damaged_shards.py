"""What happens to tar files on disk and on the way, most of which no reader notices: each is found and named."""

from __future__ import annotations

import gzip
import io
import random
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.progress import Silent
from pipeline.publishing.verify import Fault, verify_dataset
from pipeline.tars import END_OF_ARCHIVE, tar_header, tar_member
from tests.pipeline.publishing.damage import BENCHMARK, OTHER, TRAIN, Dataset, Members

Shard = Callable[[bytes], bytes]


def faults_of(dataset: Dataset) -> list[Fault]:
    return list(verify_dataset(dataset.root, Silent(), workers=1).faults)


def member_starts(data: bytes) -> list[int]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return [member.offset for member in archive.getmembers()]


def add(name: str, **fields: object) -> Shard:
    """Put one more member, made by ``tarfile``, before all others."""

    def change(data: bytes) -> bytes:
        member = tarfile.TarInfo(name)
        for field, value in fields.items():
            setattr(member, field, value)
        return member.tobuf(tarfile.GNU_FORMAT) + data

    return change


def flip_header_bit(data: bytes) -> bytes:
    start = member_starts(data)[4]
    return data[:start] + bytes([data[start] ^ 1]) + data[start + 1 :]


def rewrite_with(**fields: object) -> Shard:
    """Write the same members with other headers, as another tool would."""

    def change(data: bytes) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=io.BytesIO(data)) as source, tarfile.open(fileobj=buffer, mode="w") as target:
            for member in source.getmembers():
                for field, value in fields.items():
                    setattr(member, field, value)
                target.addfile(member, source.extractfile(member))
        return buffer.getvalue()

    return change


def become(data: bytes) -> Shard:
    return lambda _: data


def pad(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


BYTES: dict[str, tuple[Shard, str]] = {
    "cut-between-samples": (lambda data: data[: member_starts(data)[9]], "the file was cut"),
    "cut-between-members": (lambda data: data[: member_starts(data)[10]], "the file was cut"),
    "cut-in-a-header": (lambda data: data[: member_starts(data)[10] + 100], "no multiple of 512"),
    "cut-in-data": (lambda data: data[: member_starts(data)[10] + 600], "no multiple of 512"),
    "cut-in-data-at-a-block": (lambda data: data[: member_starts(data)[10] + 1024], "ends inside"),
    "no-end-blocks": (lambda data: data[: -len(END_OF_ARCHIVE)], "the file was cut"),
    "one-end-block": (lambda data: data[:-512], "does not close with two blocks of zeros"),
    "zero-bytes": (become(b""), "the file was cut"),
    "only-end-blocks": (become(END_OF_ARCHIVE), "holds 0 images, the manifest says 6"),
    "zeros-behind-the-end": (lambda data: data + bytes(512), "does not close with two blocks of zeros"),
    "data-behind-the-end": (lambda data: data + b"x" * 512, "does not close with two blocks of zeros"),
    "second-tar-behind-the-end": (lambda data: data + data, "does not close with two blocks of zeros"),
    "one-byte-more": (lambda data: data + b"\n", "no multiple of 512"),
    "gzip": (lambda data: pad(gzip.compress(data, mtime=0)), "is no tar header"),
    "html": (become(pad(b"<html>404</html>")), "is no tar header"),
    "bit-flip-in-a-header": (flip_header_bit, "is no tar header"),
    "other-time": (rewrite_with(mtime=1_700_000_000), "has a header that packing does not write"),
    "other-owner": (rewrite_with(uname="me", uid=1000), "has a header that packing does not write"),
    "other-mode": (rewrite_with(mode=0o777), "has a header that packing does not write"),
    "absolute-name": (add("/tmp/evil.jpg"), "unsafe name"),
    "climbing-name": (add("../../evil.jpg"), "unsafe name"),
    "symbolic-link": (add("a.jpg", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "no regular file"),
    "hard-link": (add("a.jpg", type=tarfile.LNKTYPE, linkname="/etc/passwd"), "no regular file"),
    "device": (add("a.jpg", type=tarfile.BLKTYPE), "no regular file"),
    "pipe": (add("a.jpg", type=tarfile.FIFOTYPE), "no regular file"),
    "folder": (add("folder", type=tarfile.DIRTYPE), "no regular file"),
    "sparse-file": (add("a.jpg", type=tarfile.GNUTYPE_SPARSE), "no regular file"),
    "old-style-file": (add("a.jpg", type=tarfile.AREGTYPE), "no regular file"),
    "long-name": (add("n" * 200 + ".jpg"), "no regular file"),
    "size-beyond-the-file": (lambda data: tar_header("a.jpg", 2**30) + data, "ends inside"),
    "size-of-terabytes": (add("a.jpg", size=2**50), "no name or size that packing gives"),
    "negative-size": (add("a.jpg", size=-512), "no name or size that packing gives"),
    "dirt-in-the-padding": (lambda data: tar_member("n01440764_9.cls", b"1")[:-1] + b"x" + data, "else than zeros"),
}


@pytest.mark.parametrize(("change", "fault"), BYTES.values(), ids=BYTES)
@pytest.mark.parametrize("signed", [False, True], ids=["naive", "signed"])
def test_a_damaged_shard_is_found(dataset: Dataset, change: Shard, fault: str, signed: bool) -> None:
    dataset.replace(TRAIN, change(dataset.read(TRAIN)))
    if signed:
        dataset.sign()
    found = faults_of(dataset)
    assert {each.file for each in found} == {TRAIN}
    assert fault in " / ".join(each.fault for each in found)


Order = Callable[[Members], Members]


def apart(members: Members) -> Members:
    """All classes, then all pictures, then all records."""
    return sorted(members, key=lambda member: member[0].partition(".")[2])


def rename(old: str, new: str) -> Order:
    """Change the end of the last sample's names."""

    def change(members: Members) -> Members:
        return members[:-3] + [(name.replace(old, new), data) for name, data in members[-3:]]

    return change


STRUCTURE: dict[str, tuple[Order, str]] = {
    "members-apart": (apart, "stands twice, or its members are apart"),
    "one-member-apart": (lambda members: [*members[1:], members[0]], "stands twice, or its members are apart"),
    "members-in-other-order": (lambda members: members[:-3] + members[-3:][::-1], "has the members json, jpg, cls"),
    "no-class": (lambda members: [*members[:-3], *members[-2:]], "has the members jpg, json"),
    "no-picture": (lambda members: [*members[:-2], members[-1]], "has the members cls, json"),
    "no-record": (lambda members: members[:-1], "has the members cls, jpg"),
    "one-member-more": (lambda members: [*members, (members[-1][0][:-4] + "txt", b"")], "cls, jpg, json, txt"),
    "a-member-twice": (lambda members: [*members, members[-1]], "cls, jpg, json, json"),
    "a-sample-twice": (lambda members: members + members[-3:], "cls, jpg, json, cls, jpg, json"),
    "a-sample-twice-apart": (lambda members: members + members[:3], "stands twice"),
    "png-for-jpg": (rename(".jpg", ".png"), "has the members cls, png, json"),
    "upper-case": (rename(".jpg", ".JPG"), "has the members cls, JPG, json"),
    "jpeg-for-jpg": (rename(".jpg", ".jpeg"), "has the members cls, jpeg, json"),
    "compound-suffix": (rename(".json", ".glm.json"), "has the members cls, jpg, glm.json"),
    "dotted-key": (rename(".", ".v3."), "has the members v3.cls, v3.jpg, v3.json"),
    "folder-in-the-key": (lambda members: [(f"a/{name}", data) for name, data in members], "the key is no image id"),
    "other-key": (rename("n0", "m0"), "the key is no image id"),
    "doubled-class-in-the-key": (rename("n02104280_", "n02104280_n02104280_"), "the key is no image id"),
    "no-suffix": (lambda members: [*members, ("readme", b"")], "the key is no image id"),
    "hidden-member": (lambda members: [*members, (".meta", b"")], "the key is no image id"),
    "meta-member": (lambda members: [("__meta__.json", b"{}"), *members], "the key is no image id"),
}


@pytest.mark.parametrize(("change", "fault"), STRUCTURE.values(), ids=STRUCTURE)
@pytest.mark.parametrize("signed", [False, True], ids=["naive", "signed"])
def test_damaged_structure_is_found(dataset: Dataset, change: Order, fault: str, signed: bool) -> None:
    members = sorted(dataset.members(TRAIN), key=lambda member: member[0].startswith("n02104280"))
    dataset.rewrite(TRAIN, change(members))
    if signed:
        dataset.sign()
    found = faults_of(dataset)
    assert {each.file for each in found} == {TRAIN}
    assert fault in " / ".join(each.fault for each in found)


def test_a_unicode_key_is_found(dataset: Dataset) -> None:
    member = tarfile.TarInfo("ñ01440764_1.cls")
    dataset.replace(TRAIN, member.tobuf(tarfile.GNU_FORMAT, "utf-8") + dataset.read(TRAIN))
    dataset.sign()
    assert "has no name or size that packing gives" in faults_of(dataset)[0].fault


@pytest.mark.parametrize("path", [TRAIN, OTHER, BENCHMARK])
def test_a_lost_row_is_found_though_everything_is_signed_for_the_rest(dataset: Dataset, path: str) -> None:
    """The shard is well formed, size and checksum fit: only the counts tell."""
    dataset.rewrite(path, dataset.members(path)[:-3])
    dataset.sign()
    count = len(dataset.keys[path])
    assert [str(fault) for fault in faults_of(dataset)] == [
        f"{path}: holds {count - 1} images, the manifest says {count}"
    ]


def test_a_lost_row_is_found_though_the_shards_counts_are_signed_too(dataset: Dataset) -> None:
    dataset.rewrite(TRAIN, dataset.members(TRAIN)[:-3])
    dataset.sign(train=5)
    assert {fault.file for fault in faults_of(dataset)} == {"manifest.json", "statistics.json"}


def test_a_shard_without_images_is_found_though_it_is_signed(dataset: Dataset) -> None:
    dataset.rewrite(TRAIN, [])
    dataset.sign(train=0)
    assert ("manifest.json", "lists a shard without images") in [(each.file, each.fault) for each in faults_of(dataset)]


@pytest.mark.parametrize("path", [TRAIN, BENCHMARK])
def test_a_missing_shard_is_found(dataset: Dataset, path: str) -> None:
    (dataset.root / path).unlink()
    assert [str(fault) for fault in faults_of(dataset)] == [f"{path}: is missing"]


def test_two_shards_that_changed_places_are_found(dataset: Dataset) -> None:
    first, second = dataset.read(TRAIN), dataset.read(BENCHMARK)
    dataset.replace(TRAIN, second)
    dataset.replace(BENCHMARK, first)
    assert {fault.file for fault in faults_of(dataset)} == {TRAIN, BENCHMARK}


def test_any_flipped_byte_is_found(dataset: Dataset) -> None:
    data = dataset.read(TRAIN)
    for position in random.Random(0).sample(range(len(data)), 20):
        dataset.replace(TRAIN, data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :])
        assert TRAIN in {fault.file for fault in faults_of(dataset)}


@pytest.mark.parametrize("name", ["../evil.jpg", "/tmp/imagenet-think-evil.jpg", "n01440764_1.jpg"])
def test_nothing_is_ever_unpacked(dataset: Dataset, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    dataset.replace(TRAIN, add(name)(dataset.read(TRAIN)))
    dataset.sign()
    before = set(tmp_path.rglob("*"))
    assert faults_of(dataset)
    assert set(tmp_path.rglob("*")) == before
    assert not Path("/tmp/imagenet-think-evil.jpg").exists()

"""The forms of ImageNet-21k: what is an image in them, what is not, and that all of them agree."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.lines import printable
from pipeline.sources import Source
from pipeline.sources.archives.ranges import OPEN_FILES
from pipeline.sources.base import Batch
from pipeline.sources.entries import identify, is_unsafe
from pipeline.sources.folders.loose import STRETCH
from pipeline.sources.options import ScanOptions
from pipeline.sources.tar import TarSource
from pipeline.sources.tars import TarsSource
from pipeline.sources.tree import TreeSource
from schemas.errors import SourceError
from schemas.image import IndexedImage
from schemas.rejection import Rejection, RejectReason, Stage
from tests.collections import collection_ids, make_collection, make_tar, member, synthetic_photograph

Form = Literal["tree", "tars", "tar", "tar_of_tars"]
FORMS: tuple[Form, ...] = get_args(Form)
CLASSES = ("n00005787", "n02123045", "n12102133")
OPENERS: dict[Form, Callable[..., Source]] = {
    "tree": TreeSource,
    "tars": TarsSource,
    "tar": TarSource,
    "tar_of_tars": TarSource,
}


def batches_of(source: Source) -> list[Batch]:
    return [batch for container in source.containers() for batch in source.scan(container, container.start)]


def images_of(source: Source) -> list[IndexedImage]:
    rows = (row for batch in batches_of(source) for row in batch.images.to_pylist())
    return [IndexedImage.model_validate(row) for row in rows]


def rejections_of(source: Source) -> list[Rejection]:
    return [rejection for batch in batches_of(source) for rejection in batch.rejections]


def reasons_of(source: Source) -> list[RejectReason]:
    return [rejection.reason for rejection in rejections_of(source)]


def tar_source(path: Path, archive: bytes) -> TarSource:
    path.write_bytes(archive)
    return TarSource(path)


def archive_of(*members: tarfile.TarInfo) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for info in members:
            archive.addfile(info, io.BytesIO(bytes(info.size)))
    return file.getvalue()


@pytest.mark.parametrize("form", FORMS)
def test_the_same_collection_gives_the_same_ids_and_bytes_in_every_form(tmp_path: Path, form: Form) -> None:
    source = OPENERS[form](make_collection(tmp_path / "source", form, CLASSES, per_class=3))
    images = images_of(source)
    assert [image.image_id for image in images] == collection_ids(CLASSES, 3)
    assert not rejections_of(source)
    for image in images:
        assert source.read(image) == synthetic_photograph(image.image_id)


@pytest.mark.parametrize("form", FORMS)
def test_a_source_can_be_pickled_after_it_was_read_from(tmp_path: Path, form: Form) -> None:
    source = OPENERS[form](make_collection(tmp_path / "source", form, CLASSES[:1], per_class=2))
    first, second = images_of(source)
    source.read(first)
    copy: Source = pickle.loads(pickle.dumps(source))
    assert copy.read(second) == source.read(second)


@pytest.mark.parametrize("form", FORMS)
def test_an_archive_or_folder_may_be_moved_between_scanning_and_reading(tmp_path: Path, form: Form) -> None:
    path = make_collection(tmp_path / "here", form, CLASSES[:1], per_class=1)
    (image,) = images_of(OPENERS[form](path))
    moved = path.rename(tmp_path / "there")
    assert OPENERS[form](moved).read(image) == synthetic_photograph(image.image_id)


@pytest.mark.parametrize(
    ("name", "image_id"),
    [
        ("n02104280_17.JPEG", "n02104280_17"),
        ("n02104280/n02104280_17.jpeg", "n02104280_17"),
        ("a/b/n02104280_housedog/n02104280_17.JpG", "n02104280_17"),
        ("n00005787_n00005787_11054.JPEG", "n00005787_11054"),
        ("n02104280/n00005787_11054.png", "n00005787_11054"),
        ("n00005787_1.webp", "n00005787_1"),
    ],
)
def test_the_id_comes_from_the_stem_alone(name: str, image_id: str) -> None:
    assert identify(name) == (image_id, image_id[:9])


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "n02104280_17",
        "n02104280_17.JPEG.txt",
        "n02104280_17.txt",
        "n0210428_17.JPEG",
        "._n02104280_17.JPEG",
        "n02104280_-17.JPEG",
        "n02104280_१७.JPEG",  # digits that are not ASCII
        "n02104280_1234567890.JPEG",
        "n02104280_17.JPEG/cover.JPEG",
        "n02104280_n00005787_17.JPEG",
        "N02104280_17.JPEG",
        "",
    ],
)
def test_other_names_are_no_image_ids(name: str) -> None:
    assert identify(name) is None


@settings(deadline=None)
@given(st.text())
@example("n00005787_1.JPEG\n")
def test_any_text_becomes_one_printable_line(text: str) -> None:
    line = printable(text)
    assert line.isprintable()
    assert len(line) <= 310
    line.encode()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mode", ["random", "sequential"])
def test_sizes_are_read_from_the_images_first_bytes_unless_nobody_looks(
    tmp_path: Path, form: Form, mode: Literal["random", "sequential"]
) -> None:
    path = make_collection(tmp_path / "source", form, CLASSES, per_class=2)
    known = {(row.format, row.width, row.height) for row in images_of(OPENERS[form](path, ScanOptions(mode)))}
    unknown = images_of(OPENERS[form](path, ScanOptions(mode, dimensions=False)))
    assert known == {("JPEG", 256, 240)}
    assert {(row.format, row.width, row.height) for row in unknown} == {(None, None, None)}
    assert [row.image_id for row in unknown] == collection_ids(CLASSES, 2)


@pytest.mark.parametrize("form", FORMS)
def test_a_scan_goes_on_where_a_batch_ended(tmp_path: Path, form: Form) -> None:
    source = OPENERS[form](make_collection(tmp_path / "source", form, CLASSES, per_class=2))
    for container in source.containers():
        for batch in source.scan(container, container.start):
            assert not [rest for rest in source.scan(container, batch.position) if len(rest.images)]


@pytest.mark.parametrize("form", FORMS)
def test_keys_of_containers_change_when_their_files_do_and_not_otherwise(tmp_path: Path, form: Form) -> None:
    path = make_collection(tmp_path / "source", form, CLASSES, per_class=1)
    keys = [container.key for container in OPENERS[form](path).containers()]
    assert keys == [container.key for container in OPENERS[form](path).containers()]
    assert len(set(keys)) == len(keys)
    changed = next(file for file in sorted(path.rglob("*")) if file.is_file()) if path.is_dir() else path
    os.utime(changed, ns=(0, 0))
    later = [container.key for container in OPENERS[form](path).containers()]
    assert [key != before for key, before in zip(later, keys, strict=True)].count(True) >= 1
    if path.is_dir():
        assert later[1:] == keys[1:]


def test_an_unsafe_name_is_absolute_or_climbs() -> None:
    assert is_unsafe("/n00005787_1.JPEG")
    assert is_unsafe("a/../n00005787_1.JPEG")
    assert not is_unsafe("./n00005787_1..JPEG")


class TestTree:
    def test_folders_may_have_any_name_and_depth(self, tmp_path: Path) -> None:
        for path in ("n00005787_2.JPEG", "n00005787_dog/n00005787_1.jpg", "a/b/c/n00005787_n00005787_3.PNG"):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(b"x")
        ids = [image.image_id for image in images_of(TreeSource(tmp_path))]
        assert ids == ["n00005787_2", "n00005787_3", "n00005787_1"]  # a folder's files, then its folders, by name

    def test_strays_are_rejected_by_name(self, tmp_path: Path) -> None:
        (tmp_path / "n00005787").mkdir()
        (tmp_path / "n00005787" / "notes.txt").touch()
        (rejection,) = rejections_of(TreeSource(tmp_path))
        assert rejection == Rejection(
            image_id="",
            wnid="",
            stage=Stage.INDEX,
            reason=RejectReason.NOT_AN_IMAGE_ID,
            detail="n00005787/notes.txt",
        )

    def test_links_are_neither_followed_nor_read(self, tmp_path: Path) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "n00005787_1.JPEG").write_bytes(b"secret")
        root = tmp_path / "root"
        root.mkdir()
        (root / "n00005787_1.JPEG").symlink_to(outside / "n00005787_1.JPEG")
        (root / "folder").symlink_to(outside)
        (root / "loop").symlink_to(root)
        os.mkfifo(root / "n00005787_2.JPEG")
        found = rejections_of(TreeSource(root))
        assert not images_of(TreeSource(root))
        assert [rejection.reason for rejection in found] == [RejectReason.NOT_A_REGULAR_FILE] * 4
        assert [rejection.image_id for rejection in found] == ["", "", "n00005787_1", "n00005787_2"]

    def test_names_that_are_not_utf8_are_rejected_with_a_printable_detail(self, tmp_path: Path) -> None:
        folder = tmp_path / "\udcff\udcfe"
        folder.mkdir()
        (folder / "n00005787_1.JPEG").touch()
        (tmp_path / "\udce9.JPEG").touch()
        found = rejections_of(TreeSource(tmp_path))
        assert [rejection.reason for rejection in found] == [RejectReason.NOT_AN_IMAGE_ID] * 2
        assert found[1].detail == "\\udcff\\udcfe/n00005787_1.JPEG"

    def test_a_file_that_is_gone_or_changed_since_cannot_be_read(self, tmp_path: Path) -> None:
        path = tmp_path / "n00005787_1.JPEG"
        path.write_bytes(b"four")
        source = TreeSource(tmp_path)
        (image,) = images_of(source)
        path.write_bytes(b"longer")
        with pytest.raises(SourceError, match="6 bytes and had 4"):
            source.read(image)
        path.unlink()
        with pytest.raises(SourceError, match=r"n00005787_1\.JPEG cannot be read"):
            source.read(image)

    def test_a_root_that_vanished_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="gone cannot be read"):
            list(TreeSource(tmp_path / "gone").containers())

    def test_an_archive_among_loose_images_is_an_error_and_not_one_stray(self, tmp_path: Path) -> None:
        (tmp_path / "n00005787_1.JPEG").write_bytes(b"loose")
        (tmp_path / "z").mkdir()
        (tmp_path / "z" / "n00005788.tar").write_bytes(make_tar({"n00005788_1.JPEG": b"a"}))
        with pytest.raises(SourceError, match=r"archive among loose images; set source\.form to tars"):
            list(TreeSource(tmp_path).containers())

    def test_a_wide_folder_is_several_containers_in_the_order_of_names(self, tmp_path: Path) -> None:
        count = STRETCH + 5
        for number in range(count):
            os.mknod(tmp_path / f"n00005787_{number}.JPEG")
        source = TreeSource(tmp_path)
        assert [(found.start, found.end) for found in source.containers()] == [(0, STRETCH), (STRETCH, count)]
        ids = [row for batch in batches_of(source) for row in batch.images["image_id"].to_pylist()]
        assert ids == [name[:-5] for name in sorted(f"n00005787_{number}.JPEG" for number in range(count))]

    def test_a_folder_that_changes_while_it_is_indexed_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "n00005787_1.JPEG").write_bytes(b"a")
        source = TreeSource(tmp_path)
        (container,) = source.containers()
        (tmp_path / "n00005787_1.JPEG").write_bytes(b"longer")
        with pytest.raises(SourceError, match="changed while it was indexed; start again"):
            list(source.scan(container, 0))

    def test_a_file_that_tells_nothing_stays(self, tmp_path: Path) -> None:
        (tmp_path / "n00005787_1.JPEG").touch()
        (tmp_path / "n00005787_2.JPEG").write_bytes(b"\x1f\x8b\x08")
        assert [(image.image_id, image.width) for image in images_of(TreeSource(tmp_path))] == [
            ("n00005787_1", None),
            ("n00005787_2", None),
        ]

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_a_file_that_may_not_be_opened_stays(self, tmp_path: Path) -> None:
        (tmp_path / "n00005787_1.JPEG").write_bytes(synthetic_photograph("n00005787_1"))
        (tmp_path / "n00005787_1.JPEG").chmod(0)
        (image,) = images_of(TreeSource(tmp_path))
        assert image.width is None

    def test_images_with_unusual_names_keep_their_place(self, tmp_path: Path) -> None:
        names = ("n00005787_1.JPEG", "n00005787_n00005787_2.JPEG", "n00005788_1.JPEG", "n00005788_n00005788_2.JPEG")
        for name in names:
            (tmp_path / name).write_bytes(synthetic_photograph("n00005787_1"))
        found = images_of(TreeSource(tmp_path))
        assert [image.container for image in found] == list(names)
        assert {image.width for image in found} == {256}


class TestTar:
    def test_members_with_unsafe_names_are_rejected_and_nothing_is_written(self, tmp_path: Path) -> None:
        names = ("/n00005787_1.JPEG", "../n00005787_2.JPEG", "a/../../n00005787_3.JPEG", "../n00005787.tar")
        (tmp_path / "deep").mkdir()
        source = tar_source(tmp_path / "deep" / "a.tar", archive_of(*(member(name, 4) for name in names)))
        found = rejections_of(source)
        assert [rejection.reason for rejection in found] == [RejectReason.UNSAFE_NAME] * 4
        assert [rejection.image_id for rejection in found] == ["n00005787_1", "n00005787_2", "n00005787_3", ""]
        assert sorted(tmp_path.rglob("*")) == [tmp_path / "deep", tmp_path / "deep" / "a.tar"]

    def test_links_devices_and_pipes_are_rejected(self, tmp_path: Path) -> None:
        kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
        members = [member(f"n00005787_{number}.JPEG", kind=kind) for number, kind in enumerate(kinds)]
        source = tar_source(tmp_path / "a.tar", archive_of(*members))
        assert reasons_of(source) == [RejectReason.NOT_A_REGULAR_FILE] * 5
        assert not images_of(source)

    def test_folders_are_no_entries(self, tmp_path: Path) -> None:
        source = tar_source(
            tmp_path / "a.tar", archive_of(member("n00005787", kind=tarfile.DIRTYPE), member("n00005787_1.JPEG", 1))
        )
        assert len(images_of(source)) == 1
        assert not rejections_of(source)

    def test_long_and_foreign_names_are_no_obstacle(self, tmp_path: Path) -> None:
        source = tar_source(
            tmp_path / "a.tar",
            archive_of(member("名/" * 200 + "n00005787_1.JPEG", 5), member("n00005787_2.JPEG", 5), member("\udcff", 5)),
        )
        assert [image.image_id for image in images_of(source)] == ["n00005787_1", "n00005787_2"]
        assert [source.read(image) for image in images_of(source)] == [bytes(5)] * 2
        assert [rejection.detail for rejection in rejections_of(source)] == ["the archive: \\udcff"]

    def test_an_archive_that_ends_early_gives_what_came_before(self, tmp_path: Path) -> None:
        archive = make_tar({f"n00005787_{number}.JPEG": bytes(1000) for number in (1, 2, 3)})
        source = tar_source(tmp_path / "a.tar", archive[: 3 * 1536 - 700])
        assert [image.image_id for image in images_of(source)] == ["n00005787_1", "n00005787_2"]
        (rejection,) = rejections_of(source)
        assert rejection.reason is RejectReason.ARCHIVE_DAMAGED
        assert rejection.image_id == "n00005787_3"
        assert rejection.detail == (
            "the archive: n00005787_3.JPEG: the archive ends 676 bytes before the end of this member (byte 3072)"
        )

    def test_damage_in_an_inner_archive_ends_that_one_alone(self, tmp_path: Path) -> None:
        inner = make_tar({"n00005787_1.JPEG": b"a"})
        inner_archives = {
            "n00005787.tar": inner[:1024] + b"\xff" * 512,
            "n00005788.tar": b"<html>404</html>",
            "n00005789.tar": make_tar({"n00005789_1.JPEG": b"b"}),
        }
        source = tar_source(tmp_path / "a.tar", make_tar(inner_archives))
        assert [image.image_id for image in images_of(source)] == ["n00005787_1", "n00005789_1"]
        assert reasons_of(source) == [RejectReason.ARCHIVE_DAMAGED] * 2
        assert rejections_of(source)[1].detail.startswith("the archive: n00005788.tar: ")

    def test_each_inner_archive_is_a_container_and_what_lies_beside_them_another(self, tmp_path: Path) -> None:
        inner = {f"classes/n0000578{digit}.tar": make_tar({f"n0000578{digit}_1.JPEG": b"a"}) for digit in "123"}
        source = tar_source(tmp_path / "a.tar", make_tar({**inner, "n00005784_1.JPEG": b"loose", "README": b""}))
        *archives, others = source.containers()
        found = [[batch.images["image_id"].to_pylist() for batch in source.scan(one, one.start)] for one in archives]
        assert found == [[["n00005781_1"]], [["n00005782_1"]], [["n00005783_1"]]]
        (batch,) = source.scan(others, others.start)
        assert batch.images["image_id"].to_pylist() == ["n00005784_1"]
        assert [rejection.detail for rejection in batch.rejections] == ["the archive: README"]

    def test_an_archive_among_images_is_looked_into_in_its_place(self, tmp_path: Path) -> None:
        inner = make_tar({"n00005788_1.JPEG": b"a", "notes": b""})
        members = {"n00005787_1.JPEG": b"a", "more/n00005788.tar": inner, "n00005789_1.JPEG": b"b"}
        source = tar_source(tmp_path / "a.tar", make_tar(members))
        assert len(list(source.containers())) == 1
        assert [image.image_id for image in images_of(source)] == ["n00005787_1", "n00005788_1", "n00005789_1"]
        assert [source.read(image) for image in images_of(source)] == [b"a", b"a", b"b"]
        assert [rejection.detail for rejection in rejections_of(source)] == ["the archive: more/n00005788.tar: notes"]

    def test_archives_are_looked_into_one_level_deep(self, tmp_path: Path) -> None:
        deepest = make_tar({"n00005787_1.JPEG": b"a"})
        source = tar_source(tmp_path / "a.tar", make_tar({"b.tar": make_tar({"c.tar": deepest})}))
        assert reasons_of(source) == [RejectReason.NOT_AN_IMAGE_ID]

    @pytest.mark.parametrize("magic", [b"\x1f\x8b\x08", b"BZh91AY&SY", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"])
    def test_a_compressed_archive_is_refused_with_the_remedy(self, tmp_path: Path, magic: bytes) -> None:
        with pytest.raises(SourceError, match=r"a\.tar is compressed .* unpack it once with"):
            list(tar_source(tmp_path / "a.tar", magic + bytes(600)).containers())

    def test_a_name_that_begins_like_bzip2_is_no_compression(self, tmp_path: Path) -> None:
        source = tar_source(tmp_path / "a.tar", make_tar({"BZhang/n00005787_1.JPEG": b"a"}))
        assert [image.image_id for image in images_of(source)] == ["n00005787_1"]

    def test_an_archive_that_shrank_cannot_be_read(self, tmp_path: Path) -> None:
        source = tar_source(tmp_path / "a.tar", make_tar({"n00005787_1.JPEG": bytes(1000)}))
        (image,) = images_of(source)
        os.truncate(tmp_path / "a.tar", 1000)
        with pytest.raises(SourceError, match="ends inside n00005787_1, 512 bytes too early"):
            source.read(image)

    def test_an_archive_that_is_gone_cannot_be_read(self, tmp_path: Path) -> None:
        source = tar_source(tmp_path / "a.tar", make_tar({"n00005787_1.JPEG": b"a"}))
        (image,) = images_of(source)
        (tmp_path / "a.tar").unlink()
        with pytest.raises(SourceError, match=r"a\.tar cannot be read"):
            source.read(image)


class TestTars:
    def test_loose_images_beside_the_archives_count_too(self, tmp_path: Path) -> None:
        (tmp_path / "n00005787.tar").write_bytes(make_tar({"n00005787_1.JPEG": b"a"}))
        (tmp_path / "n00005788_1.JPEG").write_bytes(b"loose")
        (tmp_path / "MD5SUMS").touch()
        source = TarsSource(tmp_path)
        assert [source.read(image) for image in images_of(source)] == [b"a", b"loose"]
        assert reasons_of(source) == [RejectReason.NOT_AN_IMAGE_ID]

    def test_archives_are_read_in_the_order_of_their_names_at_any_depth(self, tmp_path: Path) -> None:
        for path, number in (("b.tar", 2), ("sub/c.tar", 3), ("a.TAR", 1)):
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_bytes(make_tar({f"n00005787_{number}.JPEG": b"x"}))
        assert [image.container for image in images_of(TarsSource(tmp_path))] == ["a.TAR", "b.tar", "sub/c.tar"]

    def test_a_linked_archive_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "outside.tar").write_bytes(make_tar({"n00005787_1.JPEG": b"a"}))
        root = tmp_path / "root"
        root.mkdir()
        (root / "n00005787.tar").symlink_to(tmp_path / "outside.tar")
        assert reasons_of(TarsSource(root)) == [RejectReason.NOT_A_REGULAR_FILE]

    def test_a_compressed_archive_among_the_others_is_refused_not_skipped(self, tmp_path: Path) -> None:
        (tmp_path / "n00005787.tar").write_bytes(make_tar({"n00005787_1.JPEG": b"a"}))
        (tmp_path / "n00005788.tar.gz").write_bytes(b"\x1f\x8b")
        with pytest.raises(SourceError, match="gunzip"):
            list(TarsSource(tmp_path).containers())

    def test_many_archives_are_read_by_many_threads_with_few_files_open(self, tmp_path: Path) -> None:
        count = 2 * OPEN_FILES
        for number in range(count):
            name = f"n00005787_{number}"
            (tmp_path / f"{number}.tar").write_bytes(make_tar({f"{name}.JPEG": name.encode()}))
        source = TarsSource(tmp_path)
        images = images_of(source)
        before = _count_open_files()
        with ThreadPoolExecutor(4) as threads:
            contents = list(threads.map(source.read, images * 10))
        assert contents == [image.image_id.encode() for image in images * 10]
        assert len(images) == count
        assert _count_open_files() - before <= OPEN_FILES


def _count_open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))

"""Hostile and broken collections, in every form that they can come in.

Whatever a collection holds: each entry is an image, a companion of one, or a rejection with its reason; or the whole is
refused in one line. Nothing is written outside the folder that was asked for. A disk that fails cannot be made by a
test; files that the system refuses stand for it.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import resource
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.progress import Silent
from pipeline.sources import build_index, open_source
from pipeline.sources.index import IMAGES, REJECTIONS, IndexSummary
from pipeline.tables import read_columns
from schemas.config import SourceConfig, SourceForm
from schemas.errors import SourceError
from schemas.rejection import RejectReason
from tests.collections import File, gzip_tar, make_tar, member, pad, synthetic_photograph
from tests.collections.forms import write_form
from tests.collections.sparse import CLASS, write_wide_folder
from tests.fakes.hub import serve_hub

REPOSITORY = "someone/imagenet-wds"
GOOD = "n02123045_1"
NOBODY = 65534
"""A user who owns nothing, by Linux's convention."""
Members = Iterable[tuple[tarfile.TarInfo, bytes]]

TarFormat = int
TAR_FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def wrap_flat(root: Path, archive: bytes) -> Path:
    return write(root / "whole.tar", archive)


def wrap_in_tar(root: Path, archive: bytes) -> Path:
    return write(root / "whole.tar", make_tar({"n02123045.tar": archive, "n00005787.tar": make_tar({})}))


def wrap_in_folder(root: Path, archive: bytes) -> Path:
    write(root / "n02123045.tar", archive)
    return root


def wrap_in_gzip(root: Path, archive: bytes) -> Path:
    return write(root / "whole.tar.gz", gzip_tar(archive))


def wrap_in_tar_in_gzip(root: Path, archive: bytes) -> Path:
    return write(root / "whole.tar.gz", gzip_tar(make_tar({"n02123045.tar": archive})))


def wrap_as_shard(root: Path, archive: bytes) -> Path:
    write(root / "imagenet-train-0000.tar", archive)
    return root


ARCHIVES: dict[str, tuple[SourceForm, Callable[[Path, bytes], Path]]] = {
    "flat tar": ("tar", wrap_flat),
    "tar of tars": ("tar", wrap_in_tar),
    "class tars": ("tars", wrap_in_folder),
    "flat tar.gz": ("tar.gz", wrap_in_gzip),
    "tar.gz of tars": ("tar.gz", wrap_in_tar_in_gzip),
    "webdataset": ("webdataset", wrap_as_shard),
    "webdataset on the hub": ("webdataset", wrap_as_shard),
}
"""Forms that hold tar archives: how a configuration calls them, and how one is put into such a form."""

in_every_archive = pytest.mark.parametrize("holding", ARCHIVES)


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def photograph(image_id: str = GOOD) -> tuple[tarfile.TarInfo, bytes]:
    data = synthetic_photograph(image_id)
    return member(f"{image_id}.JPEG", len(data)), data


def archive_of(members: Members, tar_format: int = tarfile.GNU_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tar_format) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


class Listed:
    """The index of a source, made in a folder of its own and held against what lies on disk."""

    def __init__(self, path: Path | str, form: SourceForm, out: Path) -> None:
        self.summary: IndexSummary = build_index(open_source(SourceConfig(path=str(path), form=form)), out, Silent())
        self.images: pa.Table = read_columns(out / IMAGES)
        self.rejections: pa.Table = read_columns(out / REJECTIONS)
        rejected = Counter(RejectReason(reason) for reason in self.rejections["reason"].to_pylist())
        assert rejected == Counter(self.summary.rejected)
        assert len(self.images) == self.summary.images
        assert self.summary.entries == self.summary.images + self.summary.companions + rejected.total()

    @property
    def ids(self) -> list[str]:
        return sorted(self.images["image_id"].to_pylist())

    @property
    def reasons(self) -> Counter[RejectReason]:
        return Counter(self.summary.rejected)


def files_under(root: Path) -> dict[str, tuple[int, int]]:
    """Every name under a folder with size and inode: what would show that anything was written."""
    return {
        str(path.relative_to(root)): (path.lstat().st_size, path.lstat().st_ino) for path in sorted(root.rglob("*"))
    }


@contextlib.contextmanager
def reachable(path: Path, holding: str) -> Iterator[str]:
    """What ``source.path`` is: a path, or the address of a dataset on a hub that serves it meanwhile."""
    if "hub" not in holding:
        yield str(path)
        return
    with serve_hub(datasets={REPOSITORY: path}) as address, pytest.MonkeyPatch.context() as patched:
        # huggingface_hub reads its environment once, when it is imported
        patched.setattr("huggingface_hub.constants.ENDPOINT", address)
        patched.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        yield f"hf://datasets/{REPOSITORY}"


def list_archive(tmp_path: Path, holding: str, archive: bytes) -> Listed:
    """Index an archive in a form, and see that nothing changed but the run's folder."""
    form, wrap = ARCHIVES[holding]
    path = wrap(tmp_path / "source" / "deep", archive)
    out = tmp_path / "run"
    out.mkdir()
    before = files_under(tmp_path)
    with reachable(path, holding) as address:
        listed = Listed(address, form, out)
    after = {name: state for name, state in files_under(tmp_path).items() if not name.startswith("run/")}
    assert after == before | {"run": after["run"]}
    return listed


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder, and this process without root's right to read everything."""
    with tempfile.TemporaryDirectory() as folder:
        if os.geteuid() != 0:
            yield Path(folder)
            return
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        try:
            yield Path(folder)
        finally:
            os.seteuid(0)


def refusal_of(tmp_path: Path, holding: str, archive: bytes) -> str:
    """What is said of an archive that is refused as a whole; nothing when it is listed."""
    try:
        list_archive(tmp_path, holding, archive)
    except SourceError as error:
        return str(error)
    return ""


@in_every_archive
@pytest.mark.parametrize("tar_format", TAR_FORMATS)
def test_names_that_point_out_of_the_archive_are_rejected(tmp_path: Path, holding: str, tar_format: str) -> None:
    names = ("/n00005787_1.JPEG", "../n00005787_2.JPEG", "a/../../n00005787_3.JPEG", "/etc/passwd", "..")
    hostile = [(member(name, 4), b"evil") for name in names]
    listed = list_archive(tmp_path, holding, archive_of([photograph(), *hostile], TAR_FORMATS[tar_format]))
    assert listed.ids == [GOOD]
    assert listed.reasons == {RejectReason.UNSAFE_NAME: len(names)}
    assert {"n00005787_1", "n00005787_2", "n00005787_3"} <= set(listed.rejections["image_id"].to_pylist())


@in_every_archive
def test_links_devices_and_pipes_are_rejected_and_lead_nowhere(tmp_path: Path, holding: str) -> None:
    kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
    hostile = [(member(f"n00005787_{number}.JPEG", kind=kind), b"") for number, kind in enumerate(kinds)]
    for info, _ in hostile:
        info.linkname = "/etc/passwd"
    listed = list_archive(tmp_path, holding, archive_of([*hostile, photograph()]))
    assert listed.ids == [GOOD]
    assert listed.reasons == {RejectReason.NOT_A_REGULAR_FILE: len(kinds)}


@in_every_archive
def test_a_link_to_a_link_that_claims_a_size_does_not_hide_what_follows(tmp_path: Path, holding: str) -> None:
    # what a link's size means, implementations do not agree on: here it is followed by no data
    header = member("n00005787_1.JPEG", kind=tarfile.SYMTYPE)
    header.linkname = "n00005787_1.JPEG"
    listed = list_archive(tmp_path, holding, archive_of([(header, b""), photograph()]))
    assert listed.ids == [GOOD]


@in_every_archive
def test_names_that_are_no_ids_are_rejected_by_name(tmp_path: Path, holding: str) -> None:
    names = ("holiday.JPEG", "n0000578_1.JPEG", "n00005787_-1.JPEG", "n00005787_99999999999.JPEG", "\udcff.JPEG")
    strays = [(member(name, 4), b"evil") for name in names]
    listed = list_archive(tmp_path, holding, archive_of([photograph(), *strays]))
    assert listed.ids == [GOOD]
    assert listed.reasons == {RejectReason.NOT_AN_IMAGE_ID: len(names)}
    details = " ".join(listed.rejections["detail"].to_pylist())
    assert details.isprintable()
    assert "holiday.JPEG" in details


@in_every_archive
def test_of_two_members_with_one_id_the_first_is_kept(tmp_path: Path, holding: str) -> None:
    twin = f"n02123045_{GOOD}.JPEG"
    listed = list_archive(tmp_path, holding, archive_of([photograph(), (member(twin, 5), b"other")]))
    assert listed.ids == [GOOD]
    assert listed.images["size"].to_pylist() == [len(synthetic_photograph(GOOD))]
    assert listed.reasons == {RejectReason.DUPLICATE_ID: 1}


@in_every_archive
def test_a_member_that_says_it_is_larger_than_the_archive_ends_it(tmp_path: Path, holding: str) -> None:
    liar = member("n00005787_1.JPEG", 2**33).tobuf(tarfile.GNU_FORMAT)
    good = archive_of([photograph()]).rstrip(b"\0")
    listed = list_archive(tmp_path, holding, pad(good) + liar + bytes(2048))
    assert listed.ids == [GOOD]
    assert listed.reasons == {RejectReason.ARCHIVE_DAMAGED: 1}


@in_every_archive
@pytest.mark.parametrize("left", [100, 512, 600, 4000])
def test_an_archive_that_ends_early_gives_what_came_before_and_one_rejection(
    tmp_path: Path, holding: str, left: int
) -> None:
    whole = pad(archive_of([photograph()]).rstrip(b"\0"))
    second = pad(archive_of([photograph("n02123045_2")]).rstrip(b"\0"))
    listed = list_archive(tmp_path, holding, whole + second[:left])
    assert listed.ids == [GOOD]
    assert listed.reasons == {RejectReason.ARCHIVE_DAMAGED: 1}


@in_every_archive
def test_bytes_after_the_end_are_not_passed_over_in_silence(tmp_path: Path, holding: str) -> None:
    listed = list_archive(tmp_path, holding, archive_of([photograph()]) + archive_of([photograph("n02123045_2")]))
    assert listed.ids == [GOOD]
    assert listed.reasons == {RejectReason.ARCHIVE_DAMAGED: 1}


@in_every_archive
@pytest.mark.parametrize("tar_format", ["gnu", "pax"])
def test_names_and_sizes_in_extended_headers_are_read(tmp_path: Path, holding: str, tar_format: str) -> None:
    data = synthetic_photograph("n02123045_2")
    long = (member("名/" * 120 + "n02123045_2.JPEG", len(data)), data)
    third = synthetic_photograph("n02123045_3")
    dated = (member("n02123045_3.JPEG", len(third)), third)
    dated[0].mtime = 1.5  # a pax header of its own
    listed = list_archive(tmp_path, holding, archive_of([photograph(), long, dated], TAR_FORMATS[tar_format]))
    assert listed.ids == [GOOD, "n02123045_2", "n02123045_3"]


@in_every_archive
def test_an_archive_of_nothing_usable_is_refused_in_one_line(tmp_path: Path, holding: str) -> None:
    with pytest.raises(SourceError, match=r"holiday\.JPEG") as error:
        list_archive(tmp_path, holding, archive_of([(member("holiday.JPEG", 4), b"evil")]))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("holding", ["tar of tars", "class tars", "tar.gz of tars"])
def test_a_class_tar_without_a_byte_is_not_passed_over_and_one_without_a_member_is_in_order(
    tmp_path: Path, holding: str
) -> None:
    form, _ = ARCHIVES[holding]
    tars = {"n02123045.tar": archive_of([photograph()]), "n02123046.tar": b"", "n02123047.tar": archive_of([])}
    if form == "tars":
        path = tmp_path / "source"
        for name, archive in tars.items():
            write(path / name, archive)
    else:
        path = (wrap_in_gzip if form == "tar.gz" else wrap_flat)(tmp_path / "source", make_tar(tars))
    listed = Listed(path, form, tmp_path / "run")
    assert listed.ids == [GOOD]
    assert listed.reasons == {RejectReason.ARCHIVE_DAMAGED: 1}
    assert "n02123046.tar" in listed.rejections["detail"][0].as_py()


@in_every_archive
def test_random_bytes_are_refused_in_one_line(tmp_path: Path, holding: str) -> None:
    with pytest.raises(SourceError) as error:
        list_archive(tmp_path, holding, random.Random(0).randbytes(5000))
    assert "\n" not in str(error.value)


@in_every_archive
@settings(max_examples=40, deadline=None)
@given(damage=st.lists(st.tuples(st.integers(0, 2**14), st.integers(0, 255)), max_size=12), end=st.integers(0, 2**14))
def test_whatever_the_bytes_are_entries_are_accounted_for_or_the_whole_is_refused(
    holding: str, damage: list[tuple[int, int]], end: int
) -> None:
    small = [(member(f"n02123045_{number}.JPEG", 700), b"x" * 700) for number in range(1, 6)]
    archive = bytearray(archive_of([*small, (member("n00005787.tar", 9), b"no archiv")]))
    for position, value in damage:
        archive[position % len(archive)] = value
    with tempfile.TemporaryDirectory() as folder:
        assert "\n" not in refusal_of(Path(folder), holding, bytes(archive[: end or None]))


class TestFolders:
    def test_links_and_pipes_are_rejected_and_lead_nowhere(self, tmp_path: Path) -> None:
        outside = write(tmp_path / "outside" / "n00005787_9.JPEG", b"secret")
        root = write(tmp_path / "source" / f"{GOOD}.JPEG", synthetic_photograph(GOOD)).parent
        (root / "n00005787_1.JPEG").symlink_to(outside)
        (root / "n00005787_2.JPEG").symlink_to("nowhere")
        (root / "n00005787").symlink_to(outside.parent)
        (root / "loop").symlink_to(root)
        os.mkfifo(root / "n00005787_3.JPEG")
        listed = Listed(root, "tree", tmp_path / "run")
        assert listed.ids == [GOOD]
        assert listed.reasons == {RejectReason.NOT_A_REGULAR_FILE: 5}

    def test_two_files_that_claim_one_id_are_not_both_taken(self, tmp_path: Path) -> None:
        for name in (f"a/{GOOD}.JPEG", f"b/{GOOD}.jpg", f"c/n02123045_{GOOD}.png"):
            write(tmp_path / "source" / name, name.encode())
        listed = Listed(tmp_path / "source", "tree", tmp_path / "run")
        assert listed.images["container"].to_pylist() == [f"a/{GOOD}.JPEG"]
        assert listed.reasons == {RejectReason.DUPLICATE_ID: 2}

    def test_a_file_that_cannot_be_opened_stays_in_the_index(self, unprivileged: Path) -> None:
        for image_id in (GOOD, "n02123045_2"):
            write(unprivileged / "source" / f"{image_id}.JPEG", synthetic_photograph(image_id))
        (unprivileged / "source" / "n02123045_2.JPEG").chmod(0)
        listed = Listed(unprivileged / "source", "tree", unprivileged / "run")
        assert listed.ids == [GOOD, "n02123045_2"]
        sizes = dict(zip(listed.images["image_id"].to_pylist(), listed.images["width"].to_pylist(), strict=True))
        assert sizes == {GOOD: 256, "n02123045_2": None}

    def test_a_folder_that_cannot_be_listed_is_an_error_that_names_it(self, unprivileged: Path) -> None:
        write(unprivileged / "source" / "n02123045" / f"{GOOD}.JPEG", b"x")
        (unprivileged / "source" / "locked").mkdir(mode=0)
        with pytest.raises(SourceError, match=r"locked cannot be read .*read permission"):
            Listed(unprivileged / "source", "tree", unprivileged / "run")

    @pytest.mark.parametrize("holding", ["flat tar", "class tars", "flat tar.gz", "webdataset"])
    def test_an_archive_that_cannot_be_opened_is_an_error_that_names_it(self, unprivileged: Path, holding: str) -> None:
        form, wrap = ARCHIVES[holding]
        path = wrap(unprivileged / "source", archive_of([photograph()]))
        archive = path if path.is_file() else next(path.iterdir())
        archive.chmod(0)
        with pytest.raises(SourceError, match=f"{archive.name} cannot be read .*read permission"):
            Listed(path, form, unprivileged / "run")

    @pytest.mark.parametrize("entries", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
    def test_a_very_wide_folder_is_listed_whole_in_little_memory(self, tmp_path: Path, entries: int) -> None:
        write_wide_folder(tmp_path / "source" / CLASS, entries)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        listed = Listed(tmp_path / "source", "tree", tmp_path / "run")
        assert listed.summary.images == entries
        assert not listed.reasons
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
        assert grown < 200e6 + 500 * entries


FILES: Mapping[str, bytes] = {
    GOOD: synthetic_photograph(GOOD),
    "../n00005787_1": b"evil",
    "/etc/n00005787_2": b"evil",
    "holiday": b"evil",
    f"n02123045_{GOOD}": b"other",
}


def test_parquet_rows_with_hostile_names_are_only_names(tmp_path: Path) -> None:
    files = [File("", f"{name}.JPEG", data) for name, data in FILES.items()]
    root = write_form(files, tmp_path / "source", "parquet")
    before = files_under(tmp_path)
    listed = Listed(root, "parquet", tmp_path / "run")
    assert GOOD in listed.ids
    assert listed.reasons[RejectReason.DUPLICATE_ID] == 1
    assert listed.reasons[RejectReason.NOT_AN_IMAGE_ID] + listed.reasons[RejectReason.UNSAFE_NAME] >= 1
    assert {name for name in files_under(tmp_path) if not name.startswith("run")} == set(before)


def test_parquet_that_is_cut_is_refused_or_counted(tmp_path: Path) -> None:
    files = [File("", f"{GOOD}.JPEG", synthetic_photograph(GOOD))]
    root = write_form(files, tmp_path / "source", "parquet")
    (path,) = root.rglob("*.parquet")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceError) as error:
        Listed(root, "parquet", tmp_path / "run")
    assert "\n" not in str(error.value)
    assert path.name in str(error.value)


def test_shards_whose_sidecars_are_hostile_lose_no_image(tmp_path: Path) -> None:
    data = synthetic_photograph(GOOD)
    bombs = (b"{", b"[" * 100_000, b"\xff\xfe", b'{"width": 1e400, "height": -1}', b'{"width": "wide"}', b"null", b"")
    members = {}
    for number, sidecar in enumerate(bombs, start=1):
        members[f"n02123045_{number}.jpg"] = data
        members[f"n02123045_{number}.json"] = sidecar
    root = write(tmp_path / "source" / "imagenet-train-0000.tar", make_tar(members)).parent
    listed = Listed(root, "webdataset", tmp_path / "run")
    assert listed.ids == sorted(f"n02123045_{number}" for number in range(1, len(bombs) + 1))
    assert set(listed.images["width"].to_pylist()) == {256}


def test_a_gzip_stream_that_is_damaged_gives_what_came_before_and_says_so(tmp_path: Path) -> None:
    photographs = [photograph(f"n02123045_{number}") for number in range(1, 40)]
    data = bytearray(gzip_tar(archive_of(photographs)))
    for position in range(len(data) // 2, len(data) // 2 + 64):
        data[position] ^= 0xFF
    listed = Listed(write(tmp_path / "source" / "whole.tar.gz", bytes(data)), "tar.gz", tmp_path / "run")
    assert listed.ids  # damage that leaves a valid stream shows at its end, in its checksum
    assert RejectReason.ARCHIVE_DAMAGED in listed.reasons


def test_a_gzip_stream_that_is_cut_gives_what_came_before_and_says_so(tmp_path: Path) -> None:
    photographs = [photograph(f"n02123045_{number}") for number in range(1, 40)]
    data = gzip_tar(archive_of(photographs))
    listed = Listed(write(tmp_path / "source" / "whole.tar.gz", data[: len(data) // 2]), "tar.gz", tmp_path / "run")
    assert 0 < len(listed.ids) < len(photographs)
    assert listed.reasons == {RejectReason.ARCHIVE_DAMAGED: 1}

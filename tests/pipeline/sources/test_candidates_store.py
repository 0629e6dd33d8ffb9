"""The candidates of a stream: exactly the best of each class, whatever the order and whenever it is killed."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.sources.keeping import Keep
from pipeline.sources.streams import candidates as candidates_store
from pipeline.sources.streams.candidates import CandidateStore
from schemas.errors import SourceError
from schemas.identity import rank
from schemas.image import ImageRef

CLASSES = ("n00005787", "n02123045")


def keep_at(directory: Path, per_class: int = 3, seed: int = 0) -> Keep:
    return Keep(directory, seed, per_class, frozenset(CLASSES))


def image(wnid: str, number: int, container: str = "a.tar") -> ImageRef:
    image_id = f"{wnid}_{number}"
    return ImageRef(image_id=image_id, wnid=wnid, container=container, offset=number * 512, size=len(image_id))


def data_of(ref: ImageRef) -> bytes:
    return ref.image_id.encode()


def offer_all(store: CandidateStore, refs: list[ImageRef]) -> None:
    for ref in refs:
        store.offer(ref, data_of(ref))


def best_of(refs: list[ImageRef], keep: Keep) -> set[str]:
    best = set()
    for wnid in keep.wanted:
        ids = sorted({ref.image_id for ref in refs if ref.wnid == wnid}, key=lambda image_id: rank(keep.seed, image_id))
        best.update(ids[: keep.per_class])
    return best


def kept_in(store: CandidateStore, refs: list[ImageRef]) -> set[str]:
    return {ref.image_id for ref in refs} - {ref.image_id for ref in store.missing(refs)}


def written_in(directory: Path) -> list[str]:
    names: list[str] = []
    for path in sorted(directory.glob("part-*.tar")):
        with tarfile.open(path) as archive:
            names += archive.getnames()
    return names


many = st.lists(
    st.builds(image, st.sampled_from([*CLASSES, "n99999999"]), st.integers(1, 40)), max_size=80, unique=True
)


@settings(deadline=None)
@given(refs=many, per_class=st.integers(1, 5), seed=st.integers(0, 3))
def test_what_waited_together_is_kept_exactly(
    tmp_path_factory: pytest.TempPathFactory, refs: list[ImageRef], per_class: int, seed: int
) -> None:
    keep = keep_at(tmp_path_factory.mktemp("kept"), per_class, seed)
    store = CandidateStore(keep)
    offer_all(store, refs)
    store.flush()
    assert kept_in(store, refs) == best_of(refs, keep)
    assert sorted(written_in(keep.directory)) == sorted(f"{image_id}.JPEG" for image_id in best_of(refs, keep))


batches = st.lists(st.tuples(st.integers(1, 20), st.sampled_from(["noted", "flushed", "killed"])), max_size=12)


@settings(deadline=None)
@given(refs=many, batches=batches)
def test_the_best_are_kept_whatever_the_order_and_wherever_it_is_killed(
    tmp_path_factory: pytest.TempPathFactory, refs: list[ImageRef], batches: list[tuple[int, str]]
) -> None:
    keep = keep_at(tmp_path_factory.mktemp("kept"))
    store, noted = CandidateStore(keep), 0
    for count, outcome in batches:
        offer_all(store, refs[noted : noted + count])
        if outcome != "killed":
            store.flush()
        if outcome == "noted":
            noted += count
        else:
            store = CandidateStore(keep)  # goes on after the last batch that was noted
    offer_all(store, refs[noted:])
    store.flush()
    assert best_of(refs, keep) <= kept_in(CandidateStore(keep), refs)
    names = written_in(keep.directory)
    assert len(set(names)) == len(names)
    for ref in refs:
        assert store.read(ref) == (None if store.missing([ref]) else data_of(ref))


def test_an_image_is_read_in_other_processes_and_after_a_restart(tmp_path: Path) -> None:
    store = CandidateStore(keep_at(tmp_path))
    reader: CandidateStore = pickle.loads(pickle.dumps(store))
    ref = image(CLASSES[0], 1)
    assert reader.read(ref) is None
    store.offer(ref, b"n00005787_1")
    store.flush()
    assert reader.read(ref) == b"n00005787_1"
    assert CandidateStore(keep_at(tmp_path)).read(ref) == b"n00005787_1"


def test_what_was_put_is_kept_whatever_its_rank_and_only_once(tmp_path: Path) -> None:
    store = CandidateStore(keep_at(tmp_path, per_class=1))
    refs = [image("n99999999", number) for number in range(1, 30)]
    for _ in range(2):
        for ref in store.missing([*refs, *refs]):
            store.put(ref, data_of(ref))
        store.flush()
    assert not store.missing(refs)
    assert len(written_in(tmp_path)) == len(refs)


def test_of_two_images_with_one_id_the_first_is_kept(tmp_path: Path) -> None:
    store = CandidateStore(keep_at(tmp_path))
    first, second = image(CLASSES[0], 1), image(CLASSES[0], 1, container="b.tar")
    store.offer(first, data_of(first))
    store.offer(second, data_of(second))
    store.flush()
    assert store.missing([first, second]) == [second]


def test_images_wait_in_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates_store, "MAX_WAITING", 1000)
    store = CandidateStore(keep_at(tmp_path, per_class=100))
    refs = [ref.model_copy(update={"size": 400}) for ref in (image(CLASSES[0], number) for number in range(1, 10))]
    for ref in refs:
        store.offer(ref, bytes(400))
    assert len(list(tmp_path.glob("part-*.tar"))) == 3
    assert not store.missing(refs)


@pytest.mark.parametrize("suffix", [".tar", ".listing"])
def test_a_part_that_was_cut_or_is_gone_counts_as_missing_and_is_made_again(tmp_path: Path, suffix: str) -> None:
    store = CandidateStore(keep_at(tmp_path))
    refs = [image(CLASSES[0], 1), image(CLASSES[1], 2)]
    for ref in refs:
        store.offer(ref, data_of(ref))
        store.flush()
    os.truncate(tmp_path / f"part-000001{suffix}", 100)
    store = CandidateStore(keep_at(tmp_path))
    assert store.missing(refs) == refs[:1]
    offer_all(store, refs)
    store.flush()
    assert not CandidateStore(keep_at(tmp_path)).missing(refs)
    (tmp_path / f"part-000002{suffix}").unlink()
    assert CandidateStore(keep_at(tmp_path)).missing(refs) == refs[1:]


@settings(deadline=None)
@given(where=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255))
def test_a_listing_with_any_byte_changed_is_no_listing(
    tmp_path_factory: pytest.TempPathFactory, where: float, value: int
) -> None:
    directory = tmp_path_factory.mktemp("kept")
    refs = [image(CLASSES[0], 1), image(CLASSES[1], 2)]
    for ref in refs:
        store = CandidateStore(keep_at(directory))
        store.offer(ref, data_of(ref))
        store.flush()
    path = directory / "part-000001.listing"
    content = bytearray(path.read_bytes())
    at = int(where * len(content))
    damaged = content[at] != value
    content[at] = value
    path.write_bytes(content)
    store = CandidateStore(keep_at(directory))
    assert store.missing(refs) == refs[:damaged]
    offer_all(store, refs)
    store.flush()
    assert not store.missing(refs)
    assert [store.read(ref) for ref in refs] == [data_of(ref) for ref in refs]


def test_flipped_bits_are_one_clear_line_and_then_missing(tmp_path: Path) -> None:
    store = CandidateStore(keep_at(tmp_path))
    ref = image(CLASSES[0], 1)
    store.offer(ref, data_of(ref))
    store.flush()
    path = tmp_path / "part-000001.tar"
    content = bytearray(path.read_bytes())
    content[512] ^= 1
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"part-000001\.tar, which keeps n00005787_1, is damaged"):
        store.read(ref)
    assert store.missing([ref]) == [ref]


def test_what_a_killed_writer_left_is_swept_away(tmp_path: Path) -> None:
    (tmp_path / ".part-000007.tar.123.tmp").write_bytes(b"half")
    (tmp_path / "part-000006.tar").write_bytes(b"without its listing")
    store = CandidateStore(keep_at(tmp_path))
    ref = image(CLASSES[0], 1)
    store.offer(ref, data_of(ref))
    store.flush()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part-000001.listing", "part-000001.tar"]


def test_the_parts_are_tars_that_anybody_can_look_into(tmp_path: Path) -> None:
    store = CandidateStore(keep_at(tmp_path))
    offer_all(store, [image(CLASSES[0], 1)])
    store.flush()
    with tarfile.open(tmp_path / "part-000001.tar") as archive:
        (member,) = archive
        file = archive.extractfile(member)
        assert member.name == "n00005787_1.JPEG"
        assert file is not None
        assert file.read() == b"n00005787_1"


def _offer_for_ever(directory: Path) -> None:
    store = CandidateStore(keep_at(directory, per_class=1000))
    for number in range(1, 10**6):
        ref = image(CLASSES[0], number)
        store.offer(ref, data_of(ref))
        if number % 5 == 0:
            store.flush()


def test_a_kill_at_any_moment_leaves_a_whole_store(tmp_path: Path) -> None:
    for _ in range(3):
        process = multiprocessing.get_context("fork").Process(target=_offer_for_ever, args=(tmp_path,))
        process.start()
        before = len(list(tmp_path.glob("part-*.listing")))
        while process.is_alive() and len(list(tmp_path.glob("part-*.listing"))) < before + 5:
            pass
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    store = CandidateStore(keep_at(tmp_path, per_class=1000))
    refs = [image(CLASSES[0], number) for number in range(1, 5 * len(list(tmp_path.glob("part-*.listing"))) + 1)]
    assert not store.missing(refs)
    assert [store.read(ref) for ref in refs] == [data_of(ref) for ref in refs]
    names = written_in(tmp_path)
    assert len(set(names)) == len(names)

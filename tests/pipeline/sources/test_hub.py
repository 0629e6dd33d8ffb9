"""Shards on the hub: the same images as in a folder, whatever happens to the connection; no token to strangers."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from huggingface_hub import close_session, constants
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.hub import HubFiles, Place, asking
from pipeline.progress import Silent
from pipeline.sources import hub
from pipeline.sources.hub import HubSource, open_hub
from pipeline.sources.keeping import Keep
from pipeline.sources.options import ScanOptions
from pipeline.sources.parquet import ParquetSource
from pipeline.sources.shards import parquet_rows
from pipeline.sources.shards import scan as shard_scan
from pipeline.sources.streams import stretches
from pipeline.sources.streams.stretches import find_stretches
from pipeline.sources.webdataset import WebDatasetSource
from schemas.config import SourceForm
from schemas.errors import RunDirectoryError, SourceError
from schemas.image import ImageRef
from tests.collections import Collection
from tests.fakes.hub import COMMIT, Dataset, Script, serve_hub, serve_page
from tests.fakes.noted_progress import NotedProgress
from tests.pipeline.sources.listing import Listing, list_container, list_source

NAME = "someone/imagenet"
URL = f"hf://datasets/{NAME}"
CLASSES = ("n00005787", "n02123045")
TOKEN = "hf_" + "s" * 34
NOBODY = "http://127.0.0.1:9"
"""Nothing listens there: the port of the discard service."""

FORMS: dict[SourceForm, type[WebDatasetSource | ParquetSource]] = {
    "webdataset": WebDatasetSource,
    "parquet": ParquetSource,
}
in_both_forms = pytest.mark.parametrize("form", FORMS)


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No hub unless a test starts one, no token, no waiting."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", NOBODY)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", "/nonexistent")
    monkeypatch.setattr(asking, "WAITS", (0,) * 8)
    monkeypatch.setattr(asking, "FIRST_WAITS", (0,) * 3)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    yield
    close_session()


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[SourceForm, Path]:
    """One collection in both forms."""
    collection = Collection(CLASSES, 6)
    root = tmp_path_factory.mktemp("collections")
    return {
        "webdataset": collection.write(root / "w", "webdataset"),
        "parquet": collection.write(root / "p", "parquet"),
    }


def keeping(directory: Path, per_class: int = 2, wanted: tuple[str, ...] = CLASSES) -> Keep:
    return Keep(directory, 0, per_class, frozenset(wanted))


def open_at(address: str, keep: Keep | None, form: hub.HubForm | None = None, url: str = URL) -> HubSource:
    constants.ENDPOINT = address  # the fixture's monkeypatch puts it back
    return open_hub(url, form or "auto", ScanOptions(), keep)


def list_local(folders: dict[SourceForm, Path], form: SourceForm) -> Listing:
    return list_source(FORMS[form](folders[form], ScanOptions()))


def same(one: Listing, other: Listing) -> bool:
    """Batches may end elsewhere."""
    return one.images.equals(other.images) and one.rejections == other.rejections and one.companions == other.companions


@in_both_forms
def test_the_hub_gives_what_a_folder_gives(folders: dict[SourceForm, Path], tmp_path: Path, form: SourceForm) -> None:
    with serve_hub(datasets={NAME: folders[form]}) as address:
        source = open_at(address, keeping(tmp_path))
        assert source.form == form
        assert source.is_stream
        listing = list_source(source)
        assert same(listing, list_local(folders, form))
        source.prepare(listing.refs, Silent())
    local = FORMS[form](folders[form], ScanOptions())
    for ref in listing.refs:
        assert source.read(ref) == local.read(ref)
        assert source.file_of(ref) is None


@in_both_forms
def test_listed_without_a_place_to_keep_them_images_are_the_same(
    folders: dict[SourceForm, Path], form: SourceForm
) -> None:
    with serve_hub(datasets={NAME: folders[form]}) as address:
        source = open_at(address, None)
        listing = list_source(source)
        assert same(listing, list_local(folders, form))
        with pytest.raises(
            SourceError, match="hf://datasets/someone/imagenet can only be read in order, and there is no place to keep"
        ):
            source.prepare(listing.refs, Silent())


@settings(max_examples=25)
@given(cuts=st.lists(st.integers(0, 60_000), max_size=8), form=st.sampled_from(list(FORMS)))
def test_cut_connections_lose_and_double_nothing(
    folders: dict[SourceForm, Path], tmp_path_factory: pytest.TempPathFactory, cuts: list[int], form: SourceForm
) -> None:
    script = Script(cuts=list(cuts))
    with serve_hub(datasets={NAME: folders[form]}, script=script) as address:
        source = open_at(address, keeping(tmp_path_factory.mktemp("kept"), per_class=100))
        listing = list_source(source)
        assert same(listing, list_local(folders, form))
        before = len(script.requests)
        source.prepare(listing.refs, Silent())
        assert len(script.requests) == before
    local = FORMS[form](folders[form], ScanOptions())
    assert all(source.read(ref) == local.read(ref) for ref in listing.refs)


def test_a_cut_shard_is_asked_for_from_the_last_byte_on(folders: dict[SourceForm, Path], tmp_path: Path) -> None:
    script = Script(cuts=[5000, 700])
    with serve_hub(datasets={NAME: folders["webdataset"]}, script=script) as address:
        source = open_at(address, keeping(tmp_path))
        first = next(iter(source.containers()))
        list_container(source, first, 0)
    last = first.end - 1
    assert script.ranges() == [f"bytes=0-{last}", f"bytes=5000-{last}", f"bytes=5700-{last}"]


@in_both_forms
def test_a_scan_goes_on_where_a_batch_ended(
    folders: dict[SourceForm, Path], tmp_path: Path, form: SourceForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_scan, "BATCH_SECONDS", 0.0)
    monkeypatch.setattr(parquet_rows, "BATCH_SECONDS", 0.0)
    with serve_hub(datasets={NAME: folders[form]}) as address:
        source = open_at(address, keeping(tmp_path / "a", per_class=100))
        container = next(iter(source.containers()))
        whole = list_container(source, container, 0)
        begun = open_at(address, keeping(tmp_path / "b", per_class=100))
        batches = begun.scan(container, 0)
        first = next(batches)
        del batches  # the process dies here: what the batch tells must be safe
        again = open_at(address, keeping(tmp_path / "b", per_class=100))
        rest = list_container(again, container, first.position)
        assert len(first.images) + len(rest.images) == len(whole.images)
        assert whole.images.slice(len(first.images)).equals(rest.images)
    for ref in whole.refs:
        assert again.read(ref) == source.read(ref)


def test_only_wanted_candidates_are_kept_and_the_rest_is_fetched_once(
    folders: dict[SourceForm, Path], tmp_path: Path
) -> None:
    script = Script()
    with serve_hub(datasets={NAME: folders["webdataset"]}, script=script) as address:
        source = open_at(address, keeping(tmp_path, per_class=1, wanted=CLASSES[:1]))
        listing = list_source(source)
        with pytest.raises(SourceError, match="is not among the images that were kept of hf://"):
            [source.read(ref) for ref in listing.refs]
        streamed = len(script.ranges())
        progress = NotedProgress()
        source.prepare(listing.refs, progress)
        (task,) = progress.tasks
        assert task.done == task.total == len(listing.refs) - 1
        fetched = len(script.ranges())
        assert fetched - streamed <= len({ref.container for ref in listing.refs})
        source.prepare(listing.refs, progress)
        assert len(script.ranges()) == fetched
        assert [ref for ref in listing.refs if not source.read(ref) and ref.size] == []


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(0, 9)), max_size=30),
    st.integers(0, 12),
    st.integers(0, 40),
)
def test_images_close_together_come_by_one_request_and_each_comes_once(
    places: list[tuple[int, int, int]], gap: int, longest: int
) -> None:
    refs, end = [], 0
    for number, (shard, before, size) in enumerate(sorted(places, key=lambda place: place[0])):
        refs.append(
            ImageRef(
                image_id=f"n00005787_{number}", wnid="n00005787", container=f"{shard}", offset=end + before, size=size
            )
        )
        end = refs[-1].offset + size
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stretches, "GAP", gap)
        patch.setattr(stretches, "STRETCH", longest)
        found = list(find_stretches(refs))
    assert [ref for stretch in found for ref in stretch] == refs
    for stretch in found:
        assert len({ref.container for ref in stretch}) == 1
        assert len(stretch) == 1 or stretch[-1].offset + stretch[-1].size - stretch[0].offset <= longest
        assert all(b.offset - a.offset - a.size <= gap for a, b in pairwise(stretch))
    for one, other in pairwise(found):
        joined = [*one, other[0]]
        assert (
            len({ref.container for ref in joined}) > 1
            or joined[-1].offset + joined[-1].size - joined[0].offset > longest
            or joined[-1].offset - joined[-2].offset - joined[-2].size > gap
        )


def test_what_came_before_the_hub_fell_silent_is_not_asked_for_again(
    folders: dict[SourceForm, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stretches, "GAP", 0)
    monkeypatch.setattr(hub, "CONNECTIONS", 1)
    script = Script()
    with serve_hub(datasets={NAME: folders["webdataset"]}, script=script) as address:
        source = open_at(address, keeping(tmp_path, per_class=1, wanted=()))
        refs = list_source(source).refs
        script.statuses[:] = [200, 410]
        with pytest.raises(SourceError, match="410 Gone"):
            source.prepare(refs, Silent())
        assert source.read(refs[0])


def test_candidates_are_read_without_a_network_and_in_other_processes(
    folders: dict[SourceForm, Path], tmp_path: Path
) -> None:
    with serve_hub(datasets={NAME: folders["webdataset"]}) as address:
        source = open_at(address, keeping(tmp_path, per_class=100))
        listing = list_source(source)
    later = pickle.loads(pickle.dumps(open_at(NOBODY, keeping(tmp_path, per_class=100))))
    local = WebDatasetSource(folders["webdataset"], ScanOptions())
    assert [later.read(ref) for ref in listing.refs] == [local.read(ref) for ref in listing.refs]


def test_a_build_stays_at_the_commit_it_began_with(tmp_path: Path) -> None:
    old = Collection(CLASSES, 2, seed=1, faults=()).write(tmp_path / "old", "webdataset")
    new = Collection(CLASSES, 3, seed=2, faults=()).write(tmp_path / "new", "webdataset")
    dataset = Dataset({COMMIT: old, "f" * 40: new}, {"main": COMMIT})
    with serve_hub(datasets={NAME: dataset}) as address:
        before = list_source(open_at(address, keeping(tmp_path / "kept")))
        dataset.branches["main"] = "f" * 40
        assert same(list_source(open_at(address, keeping(tmp_path / "kept"))), before)
        assert len(list_source(open_at(address, keeping(tmp_path / "others"))).ids) == 6
        pinned = open_at(address, keeping(tmp_path / "more"), url=f"{URL}@{COMMIT}")
        assert same(list_source(pinned), before)


def test_opening_writes_nothing(folders: dict[SourceForm, Path], tmp_path: Path) -> None:
    with serve_hub(datasets={NAME: folders["webdataset"]}) as address:
        open_at(address, keeping(tmp_path / "kept"))
    assert list(tmp_path.iterdir()) == []


def test_keys_follow_the_files_content_and_not_the_commit(tmp_path: Path) -> None:
    folder = Collection(CLASSES, 2, faults=()).write(tmp_path / "w", "webdataset")
    dataset = Dataset({COMMIT: folder, "f" * 40: folder}, {"main": COMMIT, "other": "f" * 40})
    with serve_hub(datasets={NAME: dataset}) as address:
        one, other = (
            [container.key for container in open_at(address, None, url=url).containers()]
            for url in (URL, f"{URL}@other")
        )
        assert one == other
        assert len(set(one)) == len(one)


def test_a_folder_of_a_dataset_is_a_source_of_its_own(folders: dict[SourceForm, Path], tmp_path: Path) -> None:
    root = tmp_path / "repository"
    root.mkdir()
    (root / "parts").symlink_to(folders["webdataset"])
    (root / "parquet").symlink_to(folders["parquet"])
    with serve_hub(datasets={NAME: root}) as address:
        listing = list_source(open_at(address, None, url=f"{URL}/parts"))
    assert same(listing, list_local(folders, "webdataset"))


def test_info_is_held_against_what_the_hub_has(tmp_path: Path) -> None:
    folder = Collection(CLASSES, 4, faults=()).write(tmp_path / "w", "webdataset")
    lengths = {"imagenet-train-0000.tar": 99, "imagenet-train-0009.tar": 7}
    split = {"filenames": list(lengths), "shard_lengths": list(lengths.values())}
    (folder / "_info.json").write_text(json.dumps({"splits": {"train": split}}))
    with serve_hub(datasets={NAME: folder}) as address:
        source = open_at(address, None)
        assert "imagenet-train-0009.tar" in source.warnings()[0]
        assert source.check({"imagenet-train-0000.tar": 3}) == [
            "1 shards hold fewer images than info.json says: imagenet-train-0000.tar: 3 of 99"
        ]


@in_both_forms
def test_the_token_goes_to_the_hub_and_to_nobody_else(
    folders: dict[SourceForm, Path], tmp_path: Path, form: SourceForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    script = Script(cuts=[1000])
    with serve_hub(datasets={NAME: Dataset.of(folders[form], token=TOKEN)}, script=script) as address:
        source = open_at(address, keeping(tmp_path))
        source.prepare(list_source(source).refs, Silent())
    asked = {request.host: request.authorization for request in script.requests}
    assert asked == {"hub": f"Bearer {TOKEN}", "store": None}
    assert {request.authorization for request in script.requests if request.host == "store"} == {None}
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


def test_a_hub_that_is_busy_is_asked_again(folders: dict[SourceForm, Path], tmp_path: Path) -> None:
    script = Script(statuses=[429, 503, 500, 502, 504, 408])
    with serve_hub(datasets={NAME: folders["webdataset"]}, script=script) as address:
        assert same(list_source(open_at(address, keeping(tmp_path))), list_local(folders, "webdataset"))
    assert script.statuses == []


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (403, "imagenet-train-0000.tar: the hub answers 403 Forbidden; check that HF_TOKEN is valid and may read this"),
        (410, "imagenet-train-0000.tar: the hub answers 410 Gone"),
    ],
)
def test_a_hub_that_refuses_is_not_asked_again(
    folders: dict[SourceForm, Path], tmp_path: Path, status: int, line: str
) -> None:
    script = Script(statuses=[status])
    with serve_hub(datasets={NAME: folders["webdataset"]}, script=script) as address:
        with pytest.raises(SourceError, match=line):
            list_source(open_at(address, keeping(tmp_path)))
        assert len([request for request in script.requests if "/resolve/" in request.path]) == 1


def test_a_hub_that_stays_silent_is_one_line_that_says_what_to_do(
    folders: dict[SourceForm, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    script = Script(cuts=[0] * 100)
    with (
        serve_hub(datasets={NAME: folders["webdataset"]}, script=script) as address,
        pytest.raises(SourceError, match="it goes on where it stopped") as caught,
    ):
        list_source(open_at(address, keeping(tmp_path)))
    line = str(caught.value)
    assert "\n" not in line
    assert TOKEN not in line
    assert "signature" not in line
    assert len(script.ranges()) == 1 + len(asking.WAITS)


def test_connections_that_break_time_and_again_but_bring_something_are_no_failure(
    folders: dict[SourceForm, Path], tmp_path: Path
) -> None:
    script = Script(cuts=[2000] * 60)
    with serve_hub(datasets={NAME: folders["webdataset"]}, script=script) as address:
        assert same(list_source(open_at(address, keeping(tmp_path))), list_local(folders, "webdataset"))


def test_a_server_that_ignores_ranges_is_noticed(folders: dict[SourceForm, Path], tmp_path: Path) -> None:
    script = Script(cuts=[2000], ignores_ranges=True)
    with (
        serve_hub(datasets={NAME: folders["webdataset"]}, script=script) as address,
        pytest.raises(SourceError, match="cannot be read: the server ignores ranges"),
    ):
        list_source(open_at(address, keeping(tmp_path)))


@pytest.mark.parametrize(
    ("kinds", "line"),
    [
        ({"missing": {NAME}}, "the hub has no such dataset, or not for you; check source.path, or set HF_TOKEN"),
        (
            {"gated": {NAME}},
            r"access is gated; accept the terms on http://.*/datasets/someone/imagenet, and set HF_TOKEN",
        ),
        ({"barred": {NAME}}, "someone/imagenet: the hub answers 401 Unauthorized; check that HF_TOKEN is valid"),
        ({"renamed": {NAME: "some/other"}}, "is called some/other now; set source.path to hf://datasets/some/other"),
    ],
)
def test_a_dataset_that_cannot_be_had_is_one_line_with_the_remedy(
    folders: dict[SourceForm, Path], kinds: dict[str, set[str]], line: str
) -> None:
    with (
        serve_hub(datasets={"some/other": folders["webdataset"]}, **kinds) as address,  # type: ignore[arg-type]  # by name
        pytest.raises(SourceError, match=line) as caught,
    ):
        open_at(address, None)
    assert str(caught.value).startswith(URL)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "line"),
    [
        (f"{URL}@nowhere", "it has no revision nowhere"),
        (f"{URL}/nowhere", "it has no nowhere; check the folder in source.path"),
        ("hf://datasets/a/b c", "the hub can have no dataset of this name"),
    ],
)
def test_a_place_that_does_not_exist_is_named(folders: dict[SourceForm, Path], url: str, line: str) -> None:
    with serve_hub(datasets={NAME: folders["webdataset"]}) as address, pytest.raises(SourceError, match=line):
        open_at(address, None, url=url)


def test_without_a_network_or_offline_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceError, match=r"cannot be had from the hub \(ConnectError\); run the same command again"):
        open_at(NOBODY, None)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(SourceError, match=r"HF_HUB_OFFLINE is set; unset it, or set source.path to a folder"):
        open_at(NOBODY, None)


@pytest.mark.parametrize("page", [b"<html>log in</html>", b"[]", b"{}", b'{"id": "someone/imagenet", "sha": "../.."}'])
def test_a_page_that_is_no_hubs_is_one_line(page: bytes) -> None:
    with (
        serve_page(page) as address,
        pytest.raises(SourceError, match="check HF_ENDPOINT, and whether a proxy or a login page stands between"),
    ):
        open_at(address, None)


@in_both_forms
def test_a_page_instead_of_a_shard_is_no_damaged_shard(
    folders: dict[SourceForm, Path], tmp_path: Path, form: SourceForm
) -> None:
    script = Script()
    with serve_hub(datasets={NAME: folders[form]}, script=script) as address:
        source = open_at(address, keeping(tmp_path))
        first = next(iter(source.containers()))
        script.pages.append(b"<html>log in</html>" * 30)
        with pytest.raises(SourceError, match="check HF_ENDPOINT, and whether a proxy or a login page stands between"):
            list_container(source, first, 0)


def test_an_address_or_a_token_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceError, match="HF_ENDPOINT is no web address; write it with https://"):
        open_at("huggingface.co", None)
    monkeypatch.setenv("HF_TOKEN", "hf_\u2026")
    with pytest.raises(SourceError, match="the token holds characters that no token has; check HF_TOKEN"):
        open_at(NOBODY, None)


def test_a_login_in_the_hubs_address_is_never_said() -> None:
    with (
        serve_hub(gated={NAME}) as address,
        pytest.raises(SourceError, match="accept the terms on http://127") as caught,
    ):
        open_at(address.replace("//", "//user:secret@"), None)
    assert "secret" not in str(caught.value)


def test_a_dataset_of_another_kind_is_refused_by_what_it_holds(tmp_path: Path, folders: dict[SourceForm, Path]) -> None:
    (tmp_path / "some.csv").write_text("a")
    both = tmp_path / "both"
    both.mkdir()
    (both / "a.tar").write_text("a")
    (both / "b.parquet").write_text("b")
    with serve_hub(datasets={NAME: tmp_path, "a/both": both}) as address:
        with pytest.raises(SourceError, match="holds 1 tars and 1 Parquet files; name one folder"):
            open_at(address, None, url="hf://datasets/a/both")
        assert open_at(address, None, "parquet", url="hf://datasets/a/both").form == "parquet"
    with serve_hub(datasets={NAME: folders["parquet"].parent / "nothing"}) as address:
        (folders["parquet"].parent / "nothing").mkdir(exist_ok=True)
        (folders["parquet"].parent / "nothing" / "some.csv").write_text("a")
        with pytest.raises(
            SourceError, match=r"holds neither WebDataset shards \(\.tar\) nor Parquet files, but some\.csv"
        ):
            open_at(address, None)


def test_a_compressed_shard_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"\x1f\x8b" + bytes(9000))
    with (
        serve_hub(datasets={NAME: tmp_path}) as address,
        pytest.raises(SourceError, match=r"a\.tar is compressed \(gzip\)"),
    ):
        list_source(open_at(address, None))


def test_what_an_earlier_start_wrote_down_is_checked(tmp_path: Path) -> None:
    (tmp_path / "hub.json").write_text("{")
    with pytest.raises(RunDirectoryError, match=r"hub\.json cannot be read; delete it"):
        open_at(NOBODY, keeping(tmp_path))


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("hf://datasets/a/b", Place("a/b", None, "")),
        ("hf://datasets/a/b/", Place("a/b", None, "")),
        ("hf://datasets/a/b/c/d/", Place("a/b", None, "c/d/")),
        ("hf://datasets/a/b@v1", Place("a/b", "v1", "")),
        ("hf://datasets/a/b@v1/c@d", Place("a/b", "v1", "c@d/")),
        ("hf://datasets/a/b@refs/convert/parquet", Place("a/b", "refs/convert/parquet", "")),
        ("hf://datasets/a/b@refs/pr/7/c", Place("a/b", "refs/pr/7", "c/")),
        ("hf://datasets/a/b@one%2Ftwo/c", Place("a/b", "one/two", "c/")),
        ("hf://datasets/a/b/c@d", Place("a/b", None, "c@d/")),
    ],
)
def test_addresses_are_read(url: str, place: Place) -> None:
    assert Place.parse(url) == place
    assert Place.parse(str(place)) == place


def test_a_branch_with_a_slash_is_read(folders: dict[SourceForm, Path], tmp_path: Path) -> None:
    dataset = Dataset({COMMIT: folders["webdataset"]}, {"one/two": COMMIT})
    with serve_hub(datasets={NAME: dataset}) as address:
        source = open_at(address, keeping(tmp_path), url=f"{URL}@one%2Ftwo")
        assert same(list_source(source), list_local(folders, "webdataset"))


@pytest.mark.parametrize("url", ["hf://a/b", "hf://datasets/a", "hf://datasets//b", "hf://datasets/a/b@", "hf://"])
def test_addresses_that_are_none_are_refused(url: str) -> None:
    with pytest.raises(SourceError, match="is no address of a dataset; write hf://datasets/OWNER/NAME"):
        Place.parse(url, SourceError)


def test_a_listing_of_many_pages_is_read_whole(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"{number}.tar").write_bytes(bytes(10))
    with serve_hub(datasets={NAME: tmp_path}) as address:
        constants.ENDPOINT = address
        files = HubFiles.at(Place.parse(URL), hub.PURPOSE).files()
    assert [file.name for file in files] == [f"{number}.tar" for number in range(10)]

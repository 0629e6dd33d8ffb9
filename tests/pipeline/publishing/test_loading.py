"""What a reader gets: by the one line that the card gives, from a folder and from the hub, in full and streamed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import pytest
import webdataset
from datasets import Image, load_dataset
from datasets.distributed import split_dataset_by_node
from datasets.exceptions import DatasetNotFoundError

from pipeline.packed import Row, open_dataset
from pipeline.packing.card import Placement
from pipeline.progress import Silent
from pipeline.publishing.editions import stage_release
from schemas.derived import record_features
from schemas.image import Split
from schemas.manifest import Edition
from tests.fakes.hub import COMMIT, Dataset, Script, serve_hub
from tests.fakes.hub_client import client_of
from tests.pipeline.packing.world import World, make_world

EDITIONS: tuple[Edition, ...] = ("pictures", "annotations")
SPLITS: tuple[Split, ...] = ("train", "benchmark")
TOKEN = "hf_of_somebody"
GATED = "someone/gated"

Loaded = dict[str, Any]


class Read(NamedTuple):
    """A row as either side has it."""

    json: dict[str, Any]
    cls: int
    jpg: bytes | None


@dataclass(frozen=True)
class Shelf:
    """Both editions, in folders and on a hub."""

    folders: dict[Edition, Path]
    address: str
    script: Script

    def repository(self, edition: Edition) -> str:
        return f"someone/{edition}"

    def rows(self, edition: Edition, split: Split) -> list[Read]:
        """What lies in the shards."""
        dataset = open_dataset(self.folders[edition])
        return [read_ours(row) for shard in dataset.shards(split) for row in dataset.read(shard)]

    def shard_urls(self, edition: Edition, split: Split) -> list[str]:
        dataset = open_dataset(self.folders[edition])
        base = f"{self.address}/datasets/{self.repository(edition)}/resolve/main"
        return [f"{base}/{shard.path}" for shard in dataset.shards(split)]


def read_ours(row: Row) -> Read:
    return Read(row.record.model_dump(mode="json"), row.label, row.jpeg)


def read_theirs(rows: Iterable[Loaded]) -> list[Read]:
    """Rows as the library gives them, pictures undecoded."""
    return [Read(row["json"], row["cls"], row["jpg"]["bytes"] if "jpg" in row else None) for row in rows]


def keep_encoded(loaded: Any) -> Any:
    """The same rows with the pictures' files in the place of the pictures."""
    return loaded.cast_column("jpg", Image(decode=False)) if "jpg" in loaded.features else loaded


def ids(rows: Iterable[Loaded]) -> list[str]:
    return [row["json"]["image_id"] for row in rows]


@pytest.fixture(scope="module")
def shelf(packed: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    folder = tmp_path_factory.mktemp("shelf")
    folders = {edition: folder / edition for edition in EDITIONS}
    for edition, path in folders.items():
        stage_release(open_dataset(packed.out), path, edition, Placement(f"someone/{edition}"), Silent())
    script = Script()
    held: dict[str, Path | Dataset] = {f"someone/{edition}": path for edition, path in folders.items()}
    held[GATED] = Dataset.of(packed.out, token=TOKEN)
    with serve_hub(datasets=held, script=script) as address, client_of(address, folder / "home"):
        yield Shelf(folders, address, script)


@pytest.fixture
def cold(shelf: Shelf, tmp_path: Path) -> Iterator[Shelf]:
    """The same with a client that has fetched nothing yet, and a hub that was not asked."""
    for left in (shelf.script.requests, shelf.script.statuses, shelf.script.cuts):
        left.clear()
    with client_of(shelf.address, tmp_path):
        yield shelf
    assert not shelf.script.statuses, "a fault was not reached"
    assert not shelf.script.cuts, "a fault was not reached"


@pytest.mark.parametrize("edition", EDITIONS)
class TestEveryEdition:
    def test_a_folder_loads_typed_and_whole(self, edition: Edition, shelf: Shelf, tmp_path: Path) -> None:
        loaded = load_dataset(str(shelf.folders[edition]), cache_dir=str(tmp_path))
        assert tuple(loaded) == SPLITS
        for split in SPLITS:
            assert loaded[split].features == record_features(edition)
            assert read_theirs(keep_encoded(loaded[split])) == shelf.rows(edition, split)

    def test_a_repository_loads_typed_and_whole(self, edition: Edition, cold: Shelf) -> None:
        loaded = load_dataset(cold.repository(edition))
        assert tuple(loaded) == SPLITS
        for split in SPLITS:
            assert loaded[split].features == record_features(edition)
            assert read_theirs(keep_encoded(loaded[split])) == cold.rows(edition, split)

    def test_a_repository_streams_typed_and_whole(self, edition: Edition, cold: Shelf) -> None:
        loaded = load_dataset(cold.repository(edition), streaming=True)
        assert tuple(loaded) == SPLITS
        for split in SPLITS:
            assert loaded[split].features == record_features(edition)
            assert read_theirs(keep_encoded(loaded[split])) == cold.rows(edition, split)

    def test_the_card_s_own_lines_read_it(self, edition: Edition, cold: Shelf) -> None:
        card = (cold.folders[edition] / "README.md").read_text()
        loading, walking = re.findall(r"^```python\n(.*?)^```", card, flags=re.DOTALL | re.MULTILINE)[:2]
        names: dict[str, Any] = {}
        exec(loading, names)
        assert names["dataset"].num_rows == {"train": 12, "benchmark": 3}
        assert ids(names["stream"]) == ids(names["dataset"]["train"])
        exec(walking.replace("FOLDER", str(cold.folders[edition])), names)
        assert [sample["__key__"] for sample in names["samples"]] == ids(names["stream"])

    def test_two_processes_load_what_one_does(self, edition: Edition, shelf: Shelf, tmp_path: Path) -> None:
        # in a process without threads, from which it is safe to fork
        loading = "load_dataset(argv[1], split='train', cache_dir=argv[2], num_proc=2).save_to_disk(argv[3])"
        subprocess.run(
            [
                sys.executable,
                "-c",
                f"from sys import argv; from datasets import load_dataset; {loading}",
                shelf.folders[edition],
                tmp_path / "cache",
                tmp_path / "saved",
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )
        loaded = datasets.load_from_disk(str(tmp_path / "saved"))
        assert read_theirs(keep_encoded(loaded)) == shelf.rows(edition, "train")

    def test_webdataset_reads_the_hub_s_files_as_they_are(self, edition: Edition, shelf: Shelf) -> None:
        if shutil.which("curl") is None:
            pytest.skip("webdataset reads addresses by way of curl, which is not installed")
        samples = webdataset.WebDataset(shelf.shard_urls(edition, "train"), shardshuffle=False)
        read = [Read(json.loads(sample["json"]), int(sample["cls"]), sample.get("jpg")) for sample in samples]
        assert read == shelf.rows(edition, "train")


def test_a_picture_is_decoded_when_it_is_looked_at(shelf: Shelf) -> None:
    row = next(iter(load_dataset(shelf.repository("pictures"), split="train", streaming=True)))
    assert row["jpg"].size == (row["json"]["width"], row["json"]["height"])


def test_the_editions_hold_the_same_records_in_the_same_order(shelf: Shelf) -> None:
    for split in SPLITS:
        pictures, annotations = (load_dataset(shelf.repository(edition), split=split) for edition in EDITIONS)
        assert pictures["json"][:] == annotations["json"][:]
        assert pictures["cls"][:] == annotations["cls"][:]


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_share_a_stream_without_gaps_or_doubles(workers: int, shelf: Shelf) -> None:
    stream = load_dataset(shelf.repository("pictures"), split="train", streaming=True)
    whole = ids(stream)
    for parts in (
        [stream.shard(min(workers, stream.num_shards), part) for part in range(min(workers, stream.num_shards))],
        [split_dataset_by_node(stream, rank, workers) for rank in range(workers)],
    ):
        read = [ids(part) for part in parts]
        assert all(read)
        assert sorted(chain.from_iterable(read)) == sorted(whole)


@pytest.mark.parametrize("seen", [1, 4, 6, 8])
def test_a_stream_goes_on_where_its_state_was_taken(seen: int, shelf: Shelf) -> None:
    stream = load_dataset(shelf.repository("pictures"), split="train", streaming=True)
    rows = iter(stream)
    before = ids(next(rows) for _ in range(seen))
    state = json.loads(json.dumps(stream.state_dict()))  # as a checkpoint holds it
    again = load_dataset(shelf.repository("pictures"), split="train", streaming=True)
    again.load_state_dict(state)
    assert before + ids(again) == ids(stream)


def test_a_shuffled_stream_loses_nothing(shelf: Shelf) -> None:
    stream = load_dataset(shelf.repository("pictures"), split="train", streaming=True)
    shuffled = ids(stream.shuffle(seed=1, buffer_size=5))
    assert shuffled != ids(stream)
    assert sorted(shuffled) == sorted(ids(stream))


def test_a_commit_can_be_named(shelf: Shelf) -> None:
    stream = load_dataset(shelf.repository("annotations"), revision=COMMIT, split="benchmark", streaming=True)
    assert read_theirs(stream) == shelf.rows("annotations", "benchmark")


def test_records_alone_can_be_asked_for(shelf: Shelf) -> None:
    stream = load_dataset(shelf.repository("pictures"), split="train", streaming=True).select_columns(["json"])
    assert [row["json"] for row in stream] == [row.json for row in shelf.rows("annotations", "train")]


def test_a_gated_dataset_opens_to_a_token_that_the_store_never_sees(cold: Shelf) -> None:
    with pytest.raises(DatasetNotFoundError):
        load_dataset(GATED, split="train", streaming=True)
    stream = load_dataset(GATED, split="train", streaming=True, token=TOKEN)
    assert read_theirs(keep_encoded(stream)) == cold.rows("pictures", "train")
    assert TOKEN not in str([request for request in cold.script.requests if request.host == "store"])


class TestThePreview:
    """A dataset that has one: the first rows of its first training shard."""

    @pytest.fixture
    def previewed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr("pipeline.packing.preview.WORTH_A_PREVIEW", 9)
        monkeypatch.setattr("pipeline.packing.preview.PREVIEW_ROWS", 3)
        world = make_world(tmp_path / "world", train=8, benchmark=1)
        world.pack()
        return world.out

    def test_it_loads_by_its_name_and_fetches_no_shard(self, previewed: Path, tmp_path: Path) -> None:
        script = Script()
        with serve_hub(datasets={"someone/think": previewed}, script=script) as address, client_of(address, tmp_path):
            loaded = load_dataset("someone/think", "preview", split="train")
        assert loaded.features == record_features()
        dataset = open_dataset(previewed)
        assert read_theirs(keep_encoded(loaded)) == list(map(read_ours, islice(dataset.read(dataset.shards()[0]), 3)))
        assert not any("/data/" in request.path and "resolve" in request.path for request in script.requests)

    def test_whoever_names_nothing_gets_all_rows(self, previewed: Path, tmp_path: Path) -> None:
        assert load_dataset(str(previewed), cache_dir=str(tmp_path)).num_rows == {"train": 8, "benchmark": 1}


class TestOverABadLine:
    @pytest.mark.parametrize("status", [429, 503])
    def test_a_hub_that_is_busy_is_asked_again(self, status: int, cold: Shelf) -> None:
        loaded = load_dataset(cold.repository("pictures"), streaming=True, split="train")
        cold.script.statuses[:] = [200, status]  # the second shard's
        assert read_theirs(keep_encoded(loaded)) == cold.rows("pictures", "train")

    def test_a_full_load_goes_on_when_connections_break(self, cold: Shelf) -> None:
        cold.script.cuts[:] = [9000]
        loaded = load_dataset(cold.repository("pictures"), split="train")
        assert read_theirs(keep_encoded(loaded)) == cold.rows("pictures", "train")

    @pytest.mark.parametrize("cuts", [[600], [9000, 12000]])
    def test_a_stream_goes_on_where_its_connection_broke(self, cuts: list[int], cold: Shelf) -> None:
        loaded = load_dataset(cold.repository("pictures"), streaming=True, split="train")
        cold.script.cuts[:] = cuts
        assert read_theirs(keep_encoded(loaded)) == cold.rows("pictures", "train")
        assert any(range_ is not None for range_ in cold.script.ranges())

    @pytest.mark.xfail(
        reason="huggingface_hub 2.4 takes a stream that breaks twice in one read for its end", raises=AssertionError
    )
    def test_a_stream_that_breaks_twice_in_one_place_loses_nothing(self, cold: Shelf) -> None:
        loaded = load_dataset(cold.repository("pictures"), streaming=True, split="train")
        cold.script.cuts[:] = [12000, 0]
        assert read_theirs(keep_encoded(loaded)) == cold.rows("pictures", "train")

    def test_a_full_load_that_breaks_twice_in_one_place_loses_nothing(self, cold: Shelf) -> None:
        cold.script.cuts[:] = [12000, 0]
        loaded = load_dataset(cold.repository("pictures"), split="train")
        assert read_theirs(keep_encoded(loaded)) == cold.rows("pictures", "train")

"""The shards as they stand, in timm's reader and in PyTorch's loader with worker processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset

from pipeline.packed import Row, open_dataset
from schemas.image import Split
from tests.fakes.hub import serve_hub
from tests.fakes.hub_client import client_of
from tests.pipeline.packing.world import HEIGHT, WIDTH, World

pytestmark = pytest.mark.trainers

REPOSITORY = "someone/think"
SPLITS: tuple[Split, ...] = ("train", "benchmark")


def rows_of(world: World, split: Split) -> list[Row]:
    dataset = open_dataset(world.out)
    return [row for shard in dataset.shards(split) for row in dataset.read(shard)]


@pytest.fixture
def repository(packed: World, tmp_path: Path) -> Iterator[str]:
    with serve_hub(datasets={REPOSITORY: packed.out}) as address, client_of(address, tmp_path):
        yield REPOSITORY


def load_in_workers(rows: Any, workers: int = 2) -> Iterable[Any]:
    """Rows as worker processes give them, each decoded there."""
    from torch.utils.data import DataLoader  # noqa: PLC0415 - not in the core installation

    loader: Iterable[Any] = DataLoader(rows, batch_size=None, num_workers=workers)
    return loader


class TestTimm:
    @pytest.mark.parametrize("split", SPLITS)
    def test_its_reader_finds_every_picture_with_its_class(self, split: Split, packed: World) -> None:
        from timm.data import create_dataset  # noqa: PLC0415 - not in the core installation

        read = create_dataset("wds/imagenet-think", root=str(packed.out), split=split)
        rows = rows_of(packed, split)
        assert len(read) == len(rows)
        samples = list(read)
        assert [target for _, target in samples] == [row.label for row in rows]
        assert {picture.size for picture, _ in samples} == {(WIDTH, HEIGHT)}

    def test_its_reader_streams_pictures_and_classes_from_the_hub(
        self, repository: str, packed: World, tmp_path: Path
    ) -> None:
        from timm.data import create_dataset  # noqa: PLC0415 - not in the core installation

        read = create_dataset(f"hfids/{repository}", str(tmp_path), "train", input_key="jpg", target_key="cls", seed=1)
        rows = rows_of(packed, "train")
        assert len(read) == len(rows)
        samples = list(read)
        assert [target for _, target in samples] == [row.label for row in rows]
        assert {picture.size for picture, _ in samples} == {(WIDTH, HEIGHT)}

    def test_its_classes_are_ours(self, packed: World) -> None:
        from timm.data import ImageNetInfo  # noqa: PLC0415 - not in the core installation

        classes = ImageNetInfo("imagenet22k")
        assert classes.num_classes() == 21_841
        for row in rows_of(packed, "train"):
            assert classes.index_to_label_name(row.label) == row.record.wnid

    def test_its_loader_gives_batches_that_a_classifier_learns_from(self, packed: World) -> None:
        import torch  # noqa: PLC0415 - not in the core installation
        from timm import create_model  # noqa: PLC0415 - the same
        from timm.data import create_dataset, create_loader  # noqa: PLC0415 - the same

        read = create_dataset("wds/imagenet-think", root=str(packed.out), split="train", is_training=True, batch_size=4)
        loader = create_loader(
            read, (3, 32, 32), 4, is_training=True, num_workers=2, use_prefetcher=False, pin_memory=False
        )
        pictures, targets = next(iter(loader))
        assert pictures.shape == (4, 3, 32, 32)
        assert set(targets.tolist()) <= {row.label for row in rows_of(packed, "train")}
        model = create_model("test_vit3", pretrained=False, num_classes=21_841, img_size=32)
        loss = torch.nn.functional.cross_entropy(model(pictures), targets)
        loss.backward()
        assert torch.isfinite(loss)
        assert sum(float(weight.grad.norm()) for weight in model.parameters() if weight.grad is not None) > 0


class TestWorkers:
    @pytest.mark.parametrize("workers", [1, 2, 5], ids=lambda workers: f"{workers}_workers")  # of four shards
    @pytest.mark.filterwarnings("ignore:This DataLoader will create")
    def test_each_picture_of_a_stream_comes_once(self, workers: int, repository: str, packed: World) -> None:
        stream = load_dataset(repository, split="train", streaming=True)
        read = list(load_in_workers(stream, workers))
        assert Counter(row["json"]["image_id"] for row in read) == Counter(
            row.record.image_id for row in rows_of(packed, "train")
        )
        assert {row["jpg"].size for row in read} == {(WIDTH, HEIGHT)}

    def test_each_row_of_a_full_load_comes_in_order(self, packed: World, tmp_path: Path) -> None:
        loaded = load_dataset(str(packed.out), split="train", cache_dir=str(tmp_path))
        read = list(load_in_workers(loaded))
        assert [row["json"] for row in read] == [row.record.model_dump(mode="json") for row in rows_of(packed, "train")]

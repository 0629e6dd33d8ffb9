"""The model sees the benchmark's own photographs, whichever row they lie in."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from eval.running.pictures import BenchmarkPictures, survey
from pipeline.progress import Silent
from schemas.errors import DatasetError, SourceError
from tests.eval.world import make_benchmark, make_item, write_benchmark


def test_every_photograph_is_read_back_by_many_threads(tmp_path: Path) -> None:
    benchmark = make_benchmark(tmp_path, 150)  # three row groups
    pictures = {item.key: item.image.bytes for item in benchmark.items(pictures=True) if item.image}
    images = survey(benchmark, Silent())
    source = BenchmarkPictures(benchmark.root)
    with ThreadPoolExecutor(8) as pool:
        read = dict(
            zip((image.ref.image_id for image in images), pool.map(source.read, (i.ref for i in images)), strict=True)
        )
    assert read == pictures
    assert all(hashlib.sha256(read[image.ref.image_id]).hexdigest() == image.sha256 for image in images)


def test_the_order_is_the_same_always_and_its_beginning_holds_many_classes(tmp_path: Path) -> None:
    benchmark = make_benchmark(tmp_path, 40)
    images = survey(benchmark, Silent())
    assert images == survey(benchmark, Silent())
    assert len({image.ref.wnid for image in images[:8]}) > len({item.wnid for item in list(benchmark.items())[:8]})


def test_a_benchmark_without_photographs_cannot_be_asked(tmp_path: Path) -> None:
    benchmark = write_benchmark(tmp_path, [make_item(number, picture=False) for number in range(3)])
    with pytest.raises(DatasetError, match="holds no photographs"):
        survey(benchmark, Silent())


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    benchmark = make_benchmark(tmp_path, 3)
    image = survey(benchmark, Silent())[0]
    benchmark.data_files[0].write_bytes(b"nothing")
    with pytest.raises(SourceError, match=image.ref.container):
        BenchmarkPictures(benchmark.root).read(image.ref)


def test_a_file_that_lost_its_rows_is_named(tmp_path: Path) -> None:
    benchmark = make_benchmark(tmp_path, 3)
    image = max(survey(benchmark, Silent()), key=lambda image: image.ref.offset)
    path = benchmark.data_files[0]
    pq.write_table(pq.read_table(path).slice(0, 1), path)
    with pytest.raises(SourceError, match="it has no row"):
        BenchmarkPictures(benchmark.root).read(image.ref)

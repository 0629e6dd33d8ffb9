"""Exporting to the trainers' formats, against the loop that one would write first."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.builds import pack_photographs
from benchmarks.harness import Comparison, Round, Scale, race
from pipeline.exporting import FORMATS, ExportOptions, export
from pipeline.packed import PackedDataset, open_dataset
from pipeline.progress import Silent

IMAGES = {"tiny": 12, "quick": 400, "full": 2000}
ROUNDS = {"tiny": 1, "quick": 3, "full": 7}

Sample = tuple[dict[str, Any], bytes]
"""Record and picture."""


def compare(scale: Scale, directory: Path) -> Iterator[Comparison]:
    """Write a row for each pair, in one process.

    The baseline takes the shards' members for what they seem to be, validates and digests nothing, syncs nothing, and
    writes all rows at once.
    """
    dataset = open_dataset(pack_photographs(directory, IMAGES[scale]))
    out = directory / "out"
    rows = 2 * sum(shard.images for shard in dataset.shards("train"))
    for name, chosen in FORMATS.items():
        is_parquet = chosen.storage == "parquet"
        baseline = _write_parquet if is_parquet else _write_lines
        against = "tarfile, json, pyarrow" if is_parquet else "tarfile, json, files"
        turn = Round(rows, _exporter(dataset, name, out), _bare(baseline, dataset, out))
        yield race(f"export: {name}", "rows/s", against, _rounds(ROUNDS[scale], turn, out))


def _rounds(count: int, turn: Round, out: Path) -> Iterator[Round]:
    for _ in range(count):
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        yield turn


def _exporter(dataset: PackedDataset, name: str, out: Path) -> Callable[[], int]:
    def work() -> int:
        options = ExportOptions(format=name)
        return export(dataset.root, out / "ours", options, Silent(), workers=1).counts.rows

    return work


def _bare(write: Callable[[Iterator[Sample], Path], int], dataset: PackedDataset, out: Path) -> Callable[[], int]:
    def work() -> int:
        folder = out / "baseline"
        folder.mkdir()
        return write(_read(dataset), folder)

    return work


def _read(dataset: PackedDataset) -> Iterator[Sample]:
    for shard in dataset.shards("train"):
        with tarfile.open(dataset.root / shard.path) as archive:
            members = (archive.extractfile(member) for member in archive)
            data = [member.read() for member in members if member is not None]
        for jpeg, text in zip(data[1::3], data[2::3], strict=True):
            yield json.loads(text), jpeg


def _write_parquet(samples: Iterator[Sample], folder: Path) -> int:
    rows = [
        {"messages": _converse(record, pair), "images": [{"bytes": jpeg, "path": None}]}
        for record, jpeg in samples
        for pair in record["pairs"]
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "train.parquet", row_group_size=100, compression="zstd")
    return len(rows)


def _write_lines(samples: Iterator[Sample], folder: Path) -> int:
    rows = 0
    with (folder / "train.jsonl").open("w", encoding="utf-8") as file:
        for record, jpeg in samples:
            picture = folder / f"{record['image_id']}.jpg"
            picture.write_bytes(jpeg)
            for pair in record["pairs"]:
                file.write(json.dumps({"messages": _converse(record, pair), "images": [picture.name]}) + "\n")
                rows += 1
    return rows


def _converse(record: dict[str, Any], pair: dict[str, Any]) -> list[dict[str, str]]:
    answer = f"<think>\n{pair['thinking']}\n</think>\n\n{pair['answer']}"
    return [{"role": "user", "content": record["prompt"]}, {"role": "assistant", "content": answer}]

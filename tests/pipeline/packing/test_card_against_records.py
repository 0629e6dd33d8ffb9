"""Every table of the card, held against counts that are made here from the shards' JSON and the rejections alone."""

from __future__ import annotations

import itertools
import json
import re
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline.packed import open_dataset
from pipeline.packing.card import Placement, render_card
from pipeline.packing.card_numbers import account
from schemas.completion import Rung
from schemas.manifest import DatasetManifest
from schemas.rejection import RejectReason, Stage
from schemas.statistics import DatasetStatistics
from tests.pipeline.packing.varied import LEFT_OVER, VariedWorld, make_varied_world
from tests.pipeline.packing.world import GLM, KIMI

Row = tuple[str, ...]
Record = dict[str, Any]
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> VariedWorld:
    """A packed varied world. Read only."""
    world = make_varied_world(tmp_path_factory.mktemp("varied"))
    world.pack()
    return world


@pytest.fixture(scope="module")
def card(world: VariedWorld) -> str:
    return (world.out / "README.md").read_text()


@pytest.fixture(scope="module")
def records(world: VariedWorld) -> list[Record]:
    return list(read_json(world.out))


def read_json(out: Path) -> Iterator[Record]:
    for path in sorted(out.glob("data/*.tar")):
        with tarfile.open(path) as archive:
            for member in archive:
                file = archive.extractfile(member)
                if member.name.endswith(".json") and file is not None:
                    yield json.load(file)


def read_tables(card: str) -> list[list[Row]]:
    """All tables of a Markdown text, the line of dashes left out."""
    blocks = re.findall(r"^\|.*\|\n(?:\|.*\|\n)+", card, flags=re.MULTILINE)
    lines = [[tuple(cell.strip() for cell in line[1:-1].split("|")) for line in block.splitlines()] for block in blocks]
    return [table[:1] + table[2:] for table in lines]


def table(card: str, *head: str) -> list[Row]:
    """The rows of the one table whose columns begin so."""
    (found,) = [found for found in read_tables(card) if found[0][: len(head)] == head]
    assert all(len(row) == len(found[0]) for row in found)
    return found[1:]


def with_shares(counts: Counter[Any], of: int) -> set[Row]:
    return {(str(value), f"{count:,}", f"{100 * count / of:.1f} %") for value, count in counts.items()}


def pairs_of(records: list[Record], teacher: str) -> list[Record]:
    return [pair for record in records for pair in record["pairs"] if pair["teacher"] == teacher]


# --- the tables ---


@pytest.mark.parametrize(
    ("head", "key"),
    [
        ("holdout", "holdout"),
        ("domain", "domain"),
        ("depth", "depth"),
        ("stratum", "stratum"),
        ("source format", "source_format"),
        ("image encoding", "image_encoding"),
    ],
)
def test_a_table_of_images_is_what_the_records_say(card: str, records: list[Record], head: str, key: str) -> None:
    counts = Counter(record[key] for record in records)
    assert len(counts) > 1
    rows = table(card, head, "images", "share")
    assert set(rows) == with_shares(counts, len(records))
    assert len(rows) == len(counts)


def test_flags_are_what_the_records_say(card: str, records: list[Record]) -> None:
    counts = Counter({flag: sum(record[flag] for record in records) for flag in ("greyscale", "blurred")})
    assert set(table(card, "flag")) == with_shares(counts, len(records))


def test_splits_are_what_the_shards_hold(card: str, records: list[Record], world: VariedWorld) -> None:
    rows = []
    for split in ("train", "benchmark"):
        held = sum(record["split"] == split for record in records)
        files = list(world.out.glob(f"data/{split}-*.tar"))
        size = sum(path.stat().st_size for path in files)
        rows.append((split, f"{held}", f"{100 * held / len(records):.1f} %", f"{len(files)}", f"{size:,}"))
    assert table(card, "split") == rows


def test_token_lengths_are_those_of_the_pairs(card: str, records: list[Record]) -> None:
    rows = []
    for teacher in (GLM, KIMI):
        for part in ("thinking", "answer"):
            tokens = np.array([pair[f"{part}_tokens"] for pair in pairs_of(records, teacher)])
            quantiles = np.quantile(tokens, QUANTILES, method="inverted_cdf")
            numbers = [tokens.min(), *quantiles, tokens.max(), tokens.sum()]
            rows.append((teacher, part, f"{tokens.mean():,.1f}", *(f"{number:,}" for number in numbers)))
    assert table(card, "teacher", "part") == rows


def test_rungs_and_forced_closes_are_those_of_the_pairs(card: str, records: list[Record]) -> None:
    rows = []
    for teacher in (GLM, KIMI):
        pairs = pairs_of(records, teacher)
        counts = Counter(pair["rung"] for pair in pairs)
        forced = sum(pair["forced_close"] for pair in pairs)
        rows.append((teacher, *(f"{count}" for count in [len(pairs), *(counts[rung] for rung in Rung), forced])))
    assert table(card, "teacher", "pairs", "as_is") == rows


def test_finish_reasons_are_those_of_the_pairs(card: str, records: list[Record]) -> None:
    rows = []
    for teacher in (GLM, KIMI):
        counts = Counter(pair["finish_reason"] for pair in pairs_of(records, teacher))
        rows.append((teacher, f"{counts.total()}", f"{counts['stop']}", f"{counts['length']}"))
    assert table(card, "teacher", "pairs", "stop") == rows


def test_all_attempts_are_told_by_status(card: str, world: VariedWorld) -> None:
    drawn = len(world.images)
    assert table(card, "teacher", "attempts", "ok", "no_think", "truncated", "repetition") == [
        (GLM, f"{drawn - 1 + 9}", f"{drawn - 1}", "2", "7", "0"),
        (KIMI, f"{drawn - 2 + 5}", f"{drawn - 2}", "0", "0", "5"),
    ]


def test_teachers_are_those_of_the_pairs(card: str, records: list[Record]) -> None:
    for name, model, revision, engine, *_, fingerprint in table(card, "teacher", "model"):
        pairs = pairs_of(records, name)
        assert {(pair["model"], pair["revision"]) for pair in pairs} == {(model, revision)}
        assert {pair["engine"] for pair in pairs} == {engine}
        assert {f"`{pair['fingerprint']}`" for pair in pairs} == {fingerprint}


def test_the_head_of_the_card_is_what_the_records_say(card: str, records: list[Record]) -> None:
    classes = Counter(record["wnid"] for record in records)
    splits = Counter(record["split"] for record in records)
    pairs = [pair for record in records for pair in record["pairs"]]
    tokens = sum(pair["thinking_tokens"] + pair["answer_tokens"] for pair in pairs)
    assert f"{len(records)} photographs of {len(classes)} classes" in card
    least, most = min(classes.values()), max(classes.values())
    middle = int(np.quantile(list(classes.values()), 0.5, method="inverted_cdf"))
    about = {row[0]: row[1] for row in table(card, "", "")}
    assert about["rows"] == f"{splits['train']} `train`, {splits['benchmark']} `benchmark`"
    assert about["classes"] == f"{len(classes)}, with {least} to {most} images each (median {middle})"
    assert about["text"] == f"{tokens:,} tokens in {len(pairs)} pairs, language `en`"
    assert f"{sum(record['domain'] == 'person' for record in records)} images are of classes that are kinds of" in card


# --- what was left out ---


def test_every_entry_of_the_source_is_accounted_for(card: str, records: list[Record], world: VariedWorld) -> None:
    lost = Counter(pq.read_table(world.out / "rejections.parquet")["stage"].to_pylist())
    steps = [(what, int(files or 0), int(left)) for what, files, left in table(card, "step")]
    assert [what for what, files, _ in steps if files] == [
        "rejected by `index`",
        "rejected by `select`",
        "not needed for the draw",
        "rejected by `pack`",
    ]
    assert [files for _, files, _ in steps if files] == [lost["index"], lost["select"], LEFT_OVER, lost["pack"]]
    for (_, _, before), (_, files, left) in itertools.pairwise(steps):
        assert left == before - files
    assert {what: left for what, _, left in steps}["**selected**"] == len(world.images)
    assert steps[0][2] == len(world.images) + LEFT_OVER + lost["index"] + lost["select"]
    assert steps[-1] == ("**in this dataset**", 0, len(records))


def test_rows_that_could_not_be_rejoined_are_taken_from_the_selected_ones(world: VariedWorld) -> None:
    packed = open_dataset(world.out).manifest
    lost = {Stage.REJOIN: {RejectReason.NOT_IN_SOURCE: 4, RejectReason.OTHER_PICTURE: 1}}
    manifest = packed.model_copy(update={"rejected": packed.rejected | lost, "packed": packed.packed - 5})
    assert list(account(manifest))[-2:] == [
        ("rejected by `rejoin`", 5, packed.packed - 5),
        ("**in this dataset**", None, packed.packed - 5),
    ]


def test_reasons_are_those_of_the_rejections(card: str, world: VariedWorld) -> None:
    rejections = pq.read_table(world.out / "rejections.parquet", columns=["stage", "reason"]).to_pylist()
    counts = Counter((row["stage"], row["reason"]) for row in rejections)
    of = Counter(row["stage"] for row in rejections)
    assert set(table(card, "stage", "reason")) == {
        (stage, reason, f"{count}", f"{100 * count / of[stage]:.1f} %") for (stage, reason), count in counts.items()
    }


# --- nothing is said that is not counted, and nothing counted is left unsaid ---


def numbers_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all whole numbers in plain data."""
    if isinstance(value, int) and not isinstance(value, bool):
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from numbers_in(item, (*path, key))


def raised(value: Any, path: tuple[Any, ...]) -> Any:
    """A copy of plain data with another number at that path."""
    copy = json.loads(json.dumps(value))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] += 987_654
    return copy


def unsaid(plain: Any, render: Callable[[Any], bytes]) -> set[tuple[Any, ...]]:
    """Paths of the numbers that can change without a change of the card."""
    before = render(plain)
    paths = list(numbers_in(plain))
    assert len(paths) > 5
    return {path for path in paths if render(raised(plain, path)) == before}


def test_every_number_of_the_statistics_is_in_the_card(world: VariedWorld) -> None:
    dataset = open_dataset(world.out)

    def render(plain: Any) -> bytes:
        return render_card(dataset.manifest, DatasetStatistics.model_validate_json(json.dumps(plain)), Placement())

    silent = unsaid(dataset.statistics.model_dump(mode="json"), render)
    # images of all classes together, and pairs: said in other tables, from other numbers
    assert silent == {("images_per_class", name) for name in ("count", "total", "p05", "p95", "p99")}


def test_every_count_of_the_manifest_is_in_the_card(world: VariedWorld) -> None:
    dataset = open_dataset(world.out)
    plain = dataset.manifest.model_dump(mode="json", include={"seen", "left_over", "rejected", "shards"})
    plain["attempts"] = [entry.attempts_by_status for entry in dataset.manifest.teachers]

    def render(plain: Any) -> bytes:
        manifest = dataset.manifest.model_dump(mode="json")  # with its digest as it is, for the card names that too
        manifest |= {name: value for name, value in plain.items() if name in manifest}
        for entry, attempts in zip(manifest["teachers"], plain["attempts"], strict=True):
            entry["attempts_by_status"] = attempts
        changed = DatasetManifest.model_validate_json(json.dumps(manifest))
        return render_card(changed, dataset.statistics, Placement())

    assert unsaid(plain, render) == set()

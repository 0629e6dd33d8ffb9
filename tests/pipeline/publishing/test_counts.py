"""The numbers beside the records are held against the records, whatever is signed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.progress import Silent
from pipeline.publishing.verify import verify_dataset
from schemas.completion import FinishReason
from tests.pipeline.packing.varied import make_varied_world
from tests.pipeline.publishing.damage import Dataset


def faults_of(dataset: Dataset) -> list[str]:
    """What is said of the two files that hold counts; files that are made from them may follow."""
    faults = verify_dataset(dataset.root, Silent(), workers=1).faults
    return [str(fault) for fault in faults if fault.file in {"statistics.json", "manifest.json"}]


def edit_statistics(dataset: Dataset, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the statistics, and sign everything again."""
    statistics = json.loads(dataset.read("statistics.json"))
    change(statistics)
    data = (json.dumps(statistics, indent=2, ensure_ascii=False) + "\n").encode()
    dataset.replace("statistics.json", data)
    dataset.write(dataset.manifest, **{"statistics.json": hashlib.sha256(data).hexdigest()})


def test_a_dataset_in_which_everything_varies_is_what_its_numbers_say(tmp_path: Path) -> None:
    world = make_varied_world(tmp_path)
    world.pack()
    report = verify_dataset(world.out, Silent(), workers=1)
    assert report.faults == ()
    assert report.checks["records counted again"] == world.manifest().drawn - 2


STATISTICS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "images": (lambda s: s.update(images=14), "images"),
    "a-split": (lambda s: s["splits"].update(train=11, benchmark=4), "splits"),
    "a-domain": (lambda s: s.update(domains={"plant": 15}), "domains"),
    "classes": (lambda s: s["images_per_class"].update(maximum=9), "images_per_class"),
    "a-quantile": (lambda s: s["teachers"][1]["thinking_tokens"].update(p95=7), "teachers"),
    "a-reason": (lambda s: s["teachers"][0].update(finish_reasons={"length": 15}), "teachers"),
    "two": (lambda s: s.update(greyscale=1, blurred=1), "greyscale, blurred"),
}


@pytest.mark.parametrize(("change", "names"), STATISTICS.values(), ids=STATISTICS)
def test_statistics_that_are_not_those_of_the_records_are_found(
    dataset: Dataset, change: Callable[[dict[str, Any]], object], names: str
) -> None:
    edit_statistics(dataset, change)
    assert faults_of(dataset) == [f"statistics.json: is not what the records come to, in {names}"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("greyscale", True), ("blurred", True), ("stratum", "low"), ("holdout", "synset"), ("domain", "plant")],
)
def test_a_record_that_changed_after_it_was_counted_is_found(dataset: Dataset, field: str, value: object) -> None:
    dataset.edit_record(lambda record: record.update({field: value}))
    dataset.sign()
    (fault,) = faults_of(dataset)
    assert fault.startswith("statistics.json: is not what the records come to")


def test_a_pair_that_changed_after_it_was_counted_is_found(dataset: Dataset) -> None:
    dataset.edit_record(lambda record: record["pairs"][0].update(finish_reason=FinishReason.LENGTH.value))
    dataset.sign()
    assert faults_of(dataset) == ["statistics.json: is not what the records come to, in teachers"]


def test_counts_of_tokens_whose_sum_no_64_bits_hold_are_found(dataset: Dataset) -> None:
    for index in (0, 1):
        dataset.edit_record(lambda record: record["pairs"][0].update(thinking_tokens=2**63 - 1), index)
    dataset.sign()
    assert faults_of(dataset) == ["statistics.json: is not what the records come to, in teachers"]


def test_rungs_of_the_manifest_that_are_not_those_of_the_records_are_found(dataset: Dataset) -> None:
    glm, kimi = dataset.manifest.teachers
    other = glm.model_copy(update={"pairs_by_rung": {"as_is": 14, "new_seed": 1}})
    dataset.write(dataset.manifest.model_copy(update={"teachers": (other, kimi)}))
    assert faults_of(dataset) == ["manifest.json: its pairs of glm by rung are not those of the records"]


def test_there_are_at_least_as_many_valid_attempts_as_pairs(dataset: Dataset) -> None:
    glm, kimi = dataset.manifest.teachers
    more = glm.model_copy(update={"attempts_by_status": {"ok": 17, "no_think": 3}})
    fewer = kimi.model_copy(update={"attempts_by_status": {"ok": 14, "no_think": 3}})
    dataset.write(dataset.manifest.model_copy(update={"teachers": (more, fewer)}))
    assert faults_of(dataset) == ["manifest.json: counts fewer valid attempts of kimi than pairs"]


def test_statistics_that_cannot_be_read_are_blamed_once(dataset: Dataset) -> None:
    dataset.write(dataset.manifest, **{"statistics.json": hashlib.sha256(b"{}").hexdigest()})
    dataset.replace("statistics.json", b"{}")
    (fault,) = faults_of(dataset)
    assert fault.startswith("statistics.json: cannot be read")


def test_records_that_cannot_be_read_are_not_counted(dataset: Dataset) -> None:
    dataset.edit_record(lambda record: record.update(depth="deep"))
    dataset.sign()
    assert faults_of(dataset) == []
    assert "counting the records again" in verify_dataset(dataset.root, Silent(), workers=1).skipped

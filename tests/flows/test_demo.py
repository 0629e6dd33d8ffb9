"""The demo as a newcomer runs it, and its dataset as a trainer reads it: with the very lines that it prints."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image

from flows.demo.damage import ODD_FILES
from schemas.derived import record_features
from schemas.rejection import RejectReason
from tests.flows.conftest import Run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, imagenet_think: Run) -> tuple[Path, str]:
    """The demo's run directory, and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    done = imagenet_think("demo", "--out", "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "out", done.stdout


def test_it_ends_with_a_table_of_what_happened(demo: tuple[Path, str]) -> None:
    printed = demo[1]
    for line in ("images seen", "selected", "pairs ok", "packed", "shards", "bytes", "seconds, pack", "engine starved"):
        assert line in printed


def test_it_shows_a_record_with_an_answer_of_each_teacher(demo: tuple[Path, str]) -> None:
    shown = demo[1].partition("One of them, ")[2]
    assert shown.count("tokens of thinking:") == 2
    assert len(shown.split()) > 100


def test_every_kind_of_damage_is_seen(demo: tuple[Path, str]) -> None:
    rejections = pq.read_table(demo[0] / "dataset" / "rejections.parquet")
    expected = {odd.reason for odd in ODD_FILES if odd.reason is not None}
    assert {RejectReason(reason) for reason in rejections["reason"].to_pylist()} >= expected


def test_the_printed_lines_read_the_dataset_typed_in_both_modes(demo: tuple[Path, str], tmp_path: Path) -> None:
    lines = [line.strip() for line in demo[1].splitlines() if re.match(r"    (from datasets|rows =) ", line)]
    assert len(lines) == 3
    importing, reading, streaming = lines
    names: dict[str, Any] = {}
    exec(f"{importing}\n{reading}".replace("split=", f"cache_dir={str(tmp_path)!r}, split="), names)
    rows = names["rows"]
    exec(f"{importing}\n{streaming}", names)
    stream = names["rows"]
    assert rows.features == stream.features == record_features()
    first, streamed = next(iter(rows)), next(iter(stream))
    assert first["json"] == streamed["json"]
    assert isinstance(first["jpg"], Image.Image)
    assert first["jpg"].size == (first["json"]["width"], first["json"]["height"])
    assert isinstance(first["cls"], int)
    assert [pair["engine"] for pair in first["json"]["pairs"]] == ["pixels", "pixels"]
    assert len(rows) == sum(1 for _ in stream)


def test_no_text_knows_its_label(demo: tuple[Path, str], tmp_path: Path) -> None:
    from datasets import load_dataset  # noqa: PLC0415 - slow to import

    for row in load_dataset(str(demo[0] / "dataset"), split="train", cache_dir=str(tmp_path)):
        texts = " ".join(pair["thinking"] + pair["answer"] for pair in row["json"]["pairs"]).lower()
        first_lemma = row["json"]["lemmas"][0].lower()
        assert not re.search(rf"\b{re.escape(first_lemma)}\b", texts)


def test_the_card_says_that_no_model_wrote_the_texts(demo: tuple[Path, str]) -> None:
    assert "Not written by a model" in (demo[0] / "dataset" / "README.md").read_text()


def test_another_folder_gives_the_same_bytes(demo: tuple[Path, str], tmp_path: Path, imagenet_think: Run) -> None:
    again = imagenet_think("demo", "--out", tmp_path / "again", "--quiet")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "again" / "dataset" / "SHA256SUMS").read_text() == (
        demo[0] / "dataset" / "SHA256SUMS"
    ).read_text()

"""The page of records stands alone, shows what the records say, and obeys none of it."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from pathlib import Path

import pytest
from PIL import Image

from pipeline.packed import PackedDataset, open_dataset
from pipeline.packing.card import Placement
from pipeline.progress import Silent
from pipeline.publishing.editions import stage_release
from pipeline.showing import render_page, sample
from pipeline.showing.thumbnails import LONGEST_SIDE, shrink_to_data
from tests.pipeline.packing.world import TENCH, make_jpeg
from tests.pipeline.reporting.reading import Element, read_page
from tests.pipeline.showing.conftest import HOSTILE


@pytest.fixture(scope="module")
def source(shown: PackedDataset) -> bytes:
    return render_page(shown, sample(shown, None, 60))


@pytest.fixture(scope="module")
def page(source: bytes) -> Element:
    return read_page(source)


def article(page: Element, key: str) -> Element:
    (found,) = [each for each in page.find_all("article") if each.attributes["id"] == key]
    return found


def decode(address: str) -> Image.Image:
    kind, _, data = address.partition(",")
    assert kind == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_the_same_rows_make_the_same_bytes(source: bytes, shown: PackedDataset) -> None:
    assert render_page(shown, sample(shown, None, 60)) == source


def test_nothing_is_fetched(page: Element) -> None:
    elements = page.everything()
    assert not {each.tag for each in elements} & {"link", "iframe", "object", "embed", "base", "video", "audio", "a"}
    names = {name for each in elements for name in each.attributes}
    assert not names & {"srcset", "href", "xlink:href", "action", "style"}
    assert not [name for name in names if name.startswith("on")]
    assert all(each.attributes["src"].startswith("data:image/jpeg;base64,") for each in page.find_all("img"))
    (style,) = page.find_all("style")
    assert not re.search(r"url\(|@import|@font-face|http", style.text)


def test_the_policy_names_the_page_s_own_style_and_script_by_their_digests(source: bytes, page: Element) -> None:
    (policy,) = [each.attributes["content"] for each in page.find_all("meta") if "http-equiv" in each.attributes]
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
    for tag in ("style", "script"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>".encode(), source, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["img-src"] == "data:"


def test_both_teachers_stand_side_by_side_with_their_thinking_folded(page: Element) -> None:
    one = article(page, f"{TENCH}_2")
    columns = one.find_all("section")
    assert [each.attributes["aria-label"] for each in columns] == ["glm", "kimi"]
    for column, name, answer in zip(columns, ("glm", "kimi"), ("one two three", "two three four"), strict=True):
        thinking = column.find_all("details")[0]
        assert "open" not in thinking.attributes
        assert f"{name} ponders {answer}" in thinking.text
        assert answer in [each.text for each in column.find_all("p")]


def test_a_filter_says_how_many_records_each_value_leaves(page: Element) -> None:
    def options(name: str) -> list[str]:
        (select,) = [each for each in page.find_all("select") if each.attributes["name"] == name]
        return [each.text for each in select.find_all("option")]

    assert options("split") == ["any", "benchmark – 3", "train – 8"]
    assert options("holdout") == ["any", "image – 3", "none – 8"]
    assert options("status") == ["any", "ok – 11"]
    assert options("rung") == ["any", "as is – 11", "new seed – 11"]
    assert options("finish") == ["any", "stop – 11"]
    assert options("class") == ["any", "housedog (n02104280) – 5", "tench (n01440764) – 6"]


def test_what_models_write_is_shown_and_never_obeyed(page: Element, source: bytes) -> None:
    assert len(page.find_all("script")) == len(page.find_all("style")) == 1
    assert not [each for each in page.find_all("img") if each.attributes["src"] == "x"]
    text = article(page, f"{TENCH}_10").text
    assert (
        " ".join(HOSTILE.replace("\x1b", r"\x1b").replace("\x07", r"\x07").replace("\u202e", r"\u202e").split()) in text
    )
    assert "\x1b" not in source.decode()


def test_thumbnails_are_small_upright_and_without_metadata() -> None:
    address = shrink_to_data(make_jpeg(1, (1500, 1000), orientation=6))
    assert address is not None
    small = decode(address)
    assert small.size == (round(LONGEST_SIDE * 2 / 3), LONGEST_SIDE)
    assert not small.getexif()
    assert len(address) < 150_000  # noise: photographs take a fifth


def test_a_small_picture_is_not_made_larger() -> None:
    address = shrink_to_data(make_jpeg(1))
    assert address is not None
    assert decode(address).size == (24, 16)


def announce(jpeg: bytes, side: int) -> bytes:
    """The same file with another width and height in its header."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + side.to_bytes(2, "big") * 2 + jpeg[at + 4 :]


@pytest.mark.parametrize("data", [b"\xff\xd8 no picture", b"", announce(make_jpeg(1), 30_000)])
def test_a_damaged_picture_leaves_its_place_empty(data: bytes, shown: PackedDataset) -> None:
    (row,) = sample(shown, "train", 1)
    broken = type(row)(row.record, row.label, data)
    assert "the picture cannot be decoded" in read_page(render_page(shown, [broken])).text


def test_an_edition_without_pictures_has_a_page_that_says_so(shown: PackedDataset, tmp_path: Path) -> None:
    stage_release(shown, tmp_path / "annotations", "annotations", Placement(), Silent(), workers=1)
    annotations = open_dataset(tmp_path / "annotations")
    page = read_page(render_page(annotations, sample(annotations, None, 60)))
    assert not page.find_all("img")
    assert "from the edition without pictures" in page.text
    assert page.text.count("no picture in this edition") == 11


def test_one_teacher_alone_has_no_agreement(one_teacher: PackedDataset) -> None:
    page = read_page(render_page(one_teacher, sample(one_teacher, None, 60)))
    assert not page.find_all("fieldset")
    assert not page.find_all("meter")
    assert {each.attributes["data-agreement"] for each in page.find_all("article")} == {""}


def test_ids_are_unique_and_every_label_leads_to_one(page: Element) -> None:
    ids = [each.attributes["id"] for each in page.everything() if "id" in each.attributes]
    assert len(set(ids)) == len(ids)
    labels = {each.attributes["aria-labelledby"] for each in page.everything() if "aria-labelledby" in each.attributes}
    assert labels <= set(ids)

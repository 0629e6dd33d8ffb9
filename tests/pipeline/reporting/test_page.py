"""The page stands alone, says the same as the report, and shows what file names say without obeying it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.reporting import describe_selection, render_page
from pipeline.reporting.page import list_quantiles
from pipeline.taxonomy import load_taxonomy
from schemas.config import DomainShare
from schemas.manifest import Thresholds
from schemas.rejection import RejectReason, Stage
from schemas.selection_report import ComplexityBin, Example, Loss, QuotaLevel, SelectionReport
from tests.pipeline.reporting.reading import Element, read_page, read_table
from tests.pipeline.reporting.world import ROCKET, Told, outcome, picture, small_selection

PLOTS = ["domains", "depths", "sizes", "quotas", "losses", "complexity"]
HOSTILE = "</td><script src=//example.org/x.js></script><img src=x onerror=alert(1)>\"'&amp;\u202e"


@pytest.fixture
def report(tmp_path: Path) -> SelectionReport:
    return describe_selection(small_selection().write(tmp_path), load_taxonomy())


@pytest.fixture
def page(report: SelectionReport) -> Element:
    return read_page(render_page(report))


def test_nothing_is_fetched_and_nothing_runs(page: Element) -> None:
    elements = page.everything()
    assert not {each.tag for each in elements} & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    names = {name for each in elements for name in each.attributes}
    assert not names & {"src", "srcset", "href", "xlink:href", "action", "data", "style"}
    assert not [name for name in names if name.startswith("on")]
    (style,) = page.find_all("style")
    assert not re.search(r"url\(|@import|@font-face|http", style.text)
    (policy,) = [each for each in page.find_all("meta") if "http-equiv" in each.attributes]
    assert policy.attributes["content"] == "default-src 'none'; style-src 'unsafe-inline'"


def test_the_page_follows_the_reader_s_light_or_dark(page: Element) -> None:
    (style,) = page.find_all("style")
    assert "@media (prefers-color-scheme: dark)" in style.text
    assert [each for each in page.find_all("meta") if each.attributes.get("name") == "color-scheme"]


def test_every_plot_has_a_title_a_description_and_a_table_beside_it(page: Element) -> None:
    plots = [each for each in page.find_all("svg") if each.attributes.get("role") == "img"]
    assert [plot.attributes["aria-labelledby"] for plot in plots] == [f"{n}-title {n}-description" for n in PLOTS]
    for name, plot in zip(PLOTS, plots, strict=True):
        assert plot.by_id(f"{name}-title").text
        assert plot.by_id(f"{name}-description").text
        assert len(read_table(page, name)) > 1


def test_ids_are_unique_and_every_label_leads_to_one(page: Element) -> None:
    ids = [each.attributes["id"] for each in page.everything() if "id" in each.attributes]
    assert len(set(ids)) == len(ids)
    labels = [name for each in page.everything() for name in each.attributes.get("aria-labelledby", "").split()]
    assert set(labels) <= set(ids)


def test_every_column_of_every_table_has_a_heading(page: Element) -> None:
    for table in page.find_all("table"):
        head, *rows = table.find_all("tr")
        headings = [cell for cell in head.children if cell.tag == "th"]
        assert all(cell.attributes.get("scope") == "col" for cell in headings)
        assert {len([c for c in row.children if c.tag in ("th", "td")]) for row in rows} <= {len(headings)}


def test_the_tables_hold_the_numbers_counted_by_hand(page: Element) -> None:
    assert dict(read_table(page, "flow")[1:]) == {
        "lie in the source": "1,277",
        "are sidecars of images": "5",
        "are no candidates (rejected by the index)": "1",
        "are candidates": "1,271",
        "are not wanted or not usable (rejected by the draw)": "11",
        "were not needed for the target": "1,252",
        "drawn": "8",
    }
    assert read_table(page, "domains") == [
        ["domain", "classes", "drawn from", "indexed", "screened", "usable", "drawn", "share"],
        ["animal", "2", "2", "1,260", "9", "8", "7", "87.5%"],
        ["plant", "1", "1", "9", "9", "1", "1", "12.5%"],
        ["person", "1", "0", "2", "0", "0", "0", "0.0%"],
        ["all", "4", "3", "1,271", "18", "9", "8", ""],
    ]
    assert read_table(page, "depths")[4] == ["11", "2", "2", "69", "15", "6", "5"]
    assert read_table(page, "sizes")[1:3] == [
        ["1–9", "2", "1", "11", "9", "1", "1"],
        ["10–49", "0", "0", "0", "0", "0", "0"],
    ]
    assert read_table(page, "worst")[1] == [
        *("n11960245", "dahlia", "plant", "9", "1", "3", "1", "7 too_small, 1 exact_duplicate")
    ]
    assert read_table(page, "quotas")[1:] == [
        ["smallest", "3", "1"],
        *([share, "3", "1"] for share in ("10%", "25%")),
        *([share, "3", "3"] for share in ("50%",)),
        *([share, "4", "4"] for share in ("75%", "90%", "largest")),
    ]
    assert [row[:3] for row in read_table(page, "losses")[1:]] == [
        ["index", "not_an_image_id", "1"],
        ["select", "excluded_synset", "2"],
        ["select", "too_small", "7"],
        ["select", "blank", "1"],
        ["select", "exact_duplicate", "1"],
    ]
    assert read_table(page, "strata")[1:] == [["low", "2", "12"], ["middle", "3", "6"], ["high", "3", "6"]]
    assert read_table(page, "complexity")[1:] == [
        ["0.3", "1", "0", "0"],
        ["0.9", "1", "0", "0"],
        ["1.0", "0", "3", "0"],
        ["2.2", "0", "0", "3"],
    ]
    assert ["blurred (sharpness below 12.5)", "1"] in read_table(page, "pictures")
    assert ["in one of 2 groups of near-duplicates (largest: 3)", "5"] in read_table(page, "pictures")
    assert read_table(page, "splits")[1:] == [["train", "none", "6"], ["benchmark", "image", "2"], ["all", "", "8"]]


def test_bounds_stand_where_the_configuration_sets_some(tmp_path: Path) -> None:
    told = small_selection()
    told.domains = {"plant": DomainShare(floor=0.125, cap=0.5), "person": DomainShare(cap=0.05)}
    page = read_page(render_page(describe_selection(told.write(tmp_path), load_taxonomy())))
    assert [row[-1] for row in read_table(page, "domains")] == ["bounds", "", "12.5–50%", "0–5%", ""]
    bounds = [line for line in page.find_all("line") if line.attributes["class"] == "bound"]
    assert len(bounds) == 4  # floor and cap, a cap, and one in the legend


def test_bars_are_as_long_as_their_numbers(page: Element) -> None:
    def heights(name: str) -> list[float]:
        (plot,) = [p for p in page.find_all("svg") if name in p.attributes.get("aria-labelledby", "")]
        return [float(bar.attributes["height"]) for bar in plot.find_all("rect")]

    none, _, _, five, _, three = heights("depths-title")
    assert none == 0
    assert five / three == pytest.approx(5 / 3, abs=0.01)
    assert len(heights("complexity-title")) == 4


def test_the_strata_of_a_bin_stand_on_each_other(report: SelectionReport) -> None:
    complexity = report.complexity.model_copy(
        update={
            "bins": (
                ComplexityBin(start=1.0, low=3, middle=2, high=0),
                ComplexityBin(start=1.9, low=0, middle=0, high=5),
            )
        }
    )
    page = read_page(render_page(report.model_copy(update={"complexity": complexity})))
    (plot,) = [p for p in page.find_all("svg") if "complexity-title" in p.attributes.get("aria-labelledby", "")]
    low, middle, high = (
        {k: float(v) for k, v in bar.attributes.items() if k != "class"} for bar in plot.find_all("rect")
    )
    assert middle["x"] == low["x"] < high["x"]
    assert middle["y"] + middle["height"] == pytest.approx(low["y"], abs=0.11)
    assert high["y"] == pytest.approx(middle["y"], abs=0.11)


def test_quantiles_are_what_a_share_of_the_classes_does_not_exceed() -> None:
    levels = tuple(QuotaLevel(images=images, quota=1, drawn=1) for images in (1, 2, 3, 4))
    shares = {share: drawn for share, _, drawn in list_quantiles(levels)}
    assert shares == {0.0: 1, 0.1: 1, 0.25: 1, 0.5: 2, 0.75: 3, 0.9: 4, 1.0: 4}


def test_what_file_names_say_is_shown_and_never_obeyed(report: SelectionReport) -> None:
    example = Example(image_id=HOSTILE, detail=HOSTILE)
    loss = Loss(stage=Stage.INDEX, reason=RejectReason.UNSAFE_NAME, images=1, examples=(example,))
    missed = report.quotas.worst[0].model_copy(update={"name": HOSTILE, "domain": HOSTILE})
    quotas = report.quotas.model_copy(update={"worst": (missed,), "unwanted_reasons": {HOSTILE: 1}})
    domains = (report.domains[0].model_copy(update={"name": HOSTILE}), *report.domains[1:])
    hostile = report.model_copy(
        update={"losses": (loss,), "quotas": quotas, "domains": domains, "rule": HOSTILE, "form": HOSTILE}
    )
    page = read_page(render_page(hostile))
    assert not page.find_all("script")
    assert not page.find_all("img")
    shown = " ".join(HOSTILE.split())
    assert read_table(page, "losses")[1][3] == f"{shown} {shown}"
    assert read_table(page, "worst")[1][1:3] == [shown, shown]
    assert read_table(page, "domains")[1][0] == shown


def test_a_selection_without_losses_has_a_page(tmp_path: Path) -> None:
    nobody = Thresholds(pilot=0, complexity=(0.0, 0.0), sharpness=0.0)
    told = Told([outcome(ROCKET, 1, 1, domain="artifact")], [picture(ROCKET, 1)], thresholds=nobody)
    page = read_page(render_page(describe_selection(told.write(tmp_path), load_taxonomy())))
    assert "Nothing was rejected." in page.text
    assert not [each for each in page.find_all("line") if each.attributes["class"] == "border"]


def test_the_page_stays_small_when_no_two_classes_are_alike(report: SelectionReport) -> None:
    levels = tuple(QuotaLevel(images=images, quota=1, drawn=1) for images in range(21_841))
    page = render_page(report.model_copy(update={"quotas": report.quotas.model_copy(update={"levels": levels})}))
    assert len(page) < 300_000
    curves = [each.attributes["d"] for each in read_page(page).find_all("path")]
    assert len(curves) == 2
    across = [float(x) for x in re.findall(r"H([0-9.]+)", curves[0])]
    assert across == sorted(across)
    assert across[-1] == max(across) == pytest.approx(628, abs=0.1)


def test_the_curve_of_quotas_ends_where_the_last_class_stands(page: Element) -> None:
    quota, drawn = (each.attributes["d"] for each in page.find_all("path"))
    assert quota.count("H") == 2
    assert drawn.count("H") == 3

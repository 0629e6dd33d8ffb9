"""The page stands alone, says the same as the summary, and shows foreign text without obeying it."""

from __future__ import annotations

import pyarrow as pa
import pytest

from eval.scoring.report import render_page
from schemas.scores import ScoreSummary
from tests.eval.scoring.report_world import DOMAINS, SIMILARITIES, TEACHERS, make_items, make_summary
from tests.pipeline.reporting.reading import Element, read_page, read_table
from tests.pipeline.showing.browser import find_browser, launch

HOSTILE = "</td><script>document.title = 'stolen'</script><img src=x onerror=alert(1)>\"'&amp;\u202e"

PLOTS = [
    *(f"{field}-plot" for field in ("thinking", "answer")),
    *(f"{by}-{m}-plot" for by in ("level", "domain", "stratum") for m in ("rougeL", "bertscore", "class_exact")),
    *(f"{field}_{m}-plot" for field in ("thinking", "answer") for m in (*SIMILARITIES, "class_closeness")),
    *(f"{field}_{m}-length-plot" for m in ("rougeL", "bertscore") for field in ("thinking", "answer")),
    "statuses-plot",
]


@pytest.fixture(scope="module")
def items() -> pa.Table:
    return make_items()


@pytest.fixture(scope="module")
def summary(items: pa.Table) -> ScoreSummary:
    return make_summary(items)


@pytest.fixture(scope="module")
def page(summary: ScoreSummary, items: pa.Table) -> Element:
    return read_page(render_page(summary, items))


def plot_of(page: Element, name: str) -> Element:
    (plot,) = [each for each in page.find_all("svg") if f"{name}-title" in each.attributes.get("aria-labelledby", "")]
    return plot


def test_nothing_is_fetched_and_nothing_runs(page: Element) -> None:
    elements = page.everything()
    assert not {each.tag for each in elements} & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    names = {name for each in elements for name in each.attributes}
    assert not names & {"src", "srcset", "href", "xlink:href", "action", "data", "style"}
    (policy,) = [each for each in page.find_all("meta") if "http-equiv" in each.attributes]
    assert policy.attributes["content"].startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe-inline" not in policy.attributes["content"]


def test_the_same_scores_are_the_same_bytes(summary: ScoreSummary, items: pa.Table) -> None:
    chunked = pa.concat_tables([items.slice(0, 7), items.slice(7)])
    assert render_page(summary, chunked) == render_page(summary, items)


def test_every_plot_says_what_it_shows_to_who_cannot_see_it(page: Element) -> None:
    plots = [each for each in page.find_all("svg") if each.attributes.get("role") == "img"]
    assert [plot.attributes["aria-labelledby"] for plot in plots] == [f"{n}-title {n}-description" for n in PLOTS]
    for name in PLOTS:
        assert page.by_id(f"{name}-title").text
        assert page.by_id(f"{name}-description").text


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
        assert {len([c for c in row.children if c.tag in ("th", "td")]) for row in rows} == {len(headings)}


def test_the_tables_hold_the_summary_s_numbers(page: Element, summary: ScoreSummary) -> None:
    figures = {figure.name: figure for figure in summary.figures}
    score = figures["answer_rougeL"]
    without, place = score.without_missing, score.position
    assert without is not None
    assert place is not None
    assert (read_table(page, "answer-scores")[0]) == [
        "metric",
        "score",
        "95 % interval",
        "without missing",
        "floor",
        "label only",
        "ceiling",
        "position",
    ]
    assert read_table(page, "answer-scores")[2] == [
        *("ROUGE-L", f"{score.value:.4f}", f"{score.interval.low:.4f} to {score.interval.high:.4f}"),
        *(f"{without:.4f}", "0.0800", "0.2100", "0.6200", f"{place:.1%}"),
    ]
    ends = ("", *(f"@{teacher}" for teacher in TEACHERS), "_best")
    assert read_table(page, "thinking-references")[1] == [
        *("ROUGE-1", *(f"{figures[f'thinking_rouge1{end}'].value:.4f}" for end in ends))
    ]
    assert read_table(page, "keys")[1:4] == [
        ["lines of the file", "62", ""],
        ["items predicted", "57", ""],
        ["items missing, which count as zero", "3", ", ".join(summary.keys.missing_examples)],
    ]
    assert read_table(page, "statuses")[-1] == ["no prediction", "3"]


def test_groups_stand_in_the_summary_s_order(page: Element) -> None:
    assert [row[0].partition(":")[0] for row in read_table(page, "level-groups")[1:]] == ["image", "synset", "subtree"]
    assert [row[0] for row in read_table(page, "stratum-groups")[1:]] == ["low", "middle", "high"]
    assert [row[0] for row in read_table(page, "domain-groups")[1:]] == [name.replace("_", " ") for name in DOMAINS]


def test_bars_count_every_item_once_and_missing_ones_stand_at_zero(page: Element) -> None:
    bars = plot_of(page, "answer_rougeL-plot").find_all("rect")
    counts = [int(bar.find_all("title")[0].text.rpartition(": ")[2]) for bar in bars]
    assert sum(counts) == 60
    (missing,) = [bar for bar in bars if bar.attributes["class"] == "missing"]
    assert missing.attributes["x"] == "52.0"


def test_a_dot_stands_where_its_value_is(page: Element, summary: ScoreSummary) -> None:
    value = {figure.name: figure.value for figure in summary.figures}["thinking_rouge1"]
    dot = plot_of(page, "thinking-plot").find_all("circle")[0]
    assert float(dot.attributes["cx"]) == pytest.approx(200 + value * (640 - 14 - 200), abs=0.06)


def test_without_missing_ones_nothing_is_said_of_them() -> None:
    whole = make_items(30, missing=0)
    page = read_page(render_page(make_summary(whole), whole))
    assert "without a prediction" not in page.find_all("header")[0].text
    assert not [bar for bar in page.find_all("rect") if bar.attributes["class"] == "missing"]


def test_predictions_of_nothing_have_a_page_too() -> None:
    nothing = make_items(6, missing=6)
    page = read_page(render_page(make_summary(nothing), nothing))
    assert read_table(page, "statuses")[1:] == [["no prediction", "6"]]


def test_scores_below_zero_are_drawn_from_minus_one(items: pa.Table) -> None:
    values = pa.array([-0.25] * items.num_rows, pa.float64())
    place = items.column_names.index("answer_sbert")
    below = items.set_column(place, "answer_sbert", values)
    plot = plot_of(read_page(render_page(make_summary(items), below)), "answer_sbert-plot")
    assert "-1.0" in [label.text for label in plot.find_all("text")]


def test_of_many_items_two_thousand_are_drawn_and_all_are_counted() -> None:
    many = make_items(2500, missing=0)
    page = read_page(render_page(make_summary(many), many))
    assert len(plot_of(page, "answer_rougeL-length-plot").find_all("circle")) == 2000
    assert sum(int(row[1]) for row in read_table(page, "lengths")[1:]) == 2500


def test_what_others_wrote_is_shown_and_never_obeyed(summary: ScoreSummary, items: pa.Table) -> None:
    keys = summary.keys.model_copy(update={"unknown_examples": (HOSTILE, "x" * 10_000)})
    figures = tuple(
        figure.model_copy(update={"name": figure.name.replace(TEACHERS[0], HOSTILE)}) for figure in summary.figures
    )
    groups = tuple(figure.model_copy(update={"group": HOSTILE}) for figure in summary.groups if figure.by == "domain")
    hostile = summary.model_copy(
        update={
            "model": HOSTILE,
            "benchmark": HOSTILE,
            "references": (HOSTILE, TEACHERS[1]),
            "keys": keys,
            "figures": figures,
            "groups": groups,
            "definitions": {HOSTILE: HOSTILE},
            "statuses": {HOSTILE: 57},
        }
    )
    data = render_page(hostile, items)
    page = read_page(data)
    assert not page.find_all("script")
    assert not page.find_all("img")
    assert "\u202e" not in data.decode()
    shown = " ".join(HOSTILE.replace("\u202e", r"\u202e").split())
    assert page.find_all("h1")[0].text == f"Scores of {shown}"
    assert read_table(page, "definitions")[1] == [shown, shown]
    assert len(read_table(page, "keys")[-1][2]) < 500


@pytest.mark.skipif(
    find_browser() is None, reason="there is no Chromium here (Debian: apt-get install chromium-headless-shell)"
)
def test_a_browser_opens_the_page_without_complaint_and_phones_need_not_scroll_sideways(
    summary: ScoreSummary, items: pa.Table, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_bytes(render_page(summary, items))
    binary = find_browser()
    assert binary is not None
    with launch(binary, tmp_path_factory.mktemp("profile")) as browser:
        browser.call("Emulation.setDeviceMetricsOverride", width=380, height=800, deviceScaleFactor=1, mobile=True)
        browser.open(path.as_uri())
        assert browser.complaints() == []
        assert set(browser.fetched()) == {"file"}
        assert browser.evaluate("document.documentElement.scrollWidth") == 380
        filled = browser.evaluate("getComputedStyle(document.querySelector('.trend')).fill")
    assert filled == "none"  # the style counts: the policy names it

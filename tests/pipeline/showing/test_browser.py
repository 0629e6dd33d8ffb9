"""The page in a real browser: filters filter, keys work, nothing is asked of the network, no text becomes code."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.packed import PackedDataset
from pipeline.showing import render_page, sample
from tests.pipeline.packing.world import HOUSEDOG, TENCH
from tests.pipeline.showing.browser import Browser, find_browser, launch

BINARY = find_browser()
LEFT = "[...document.querySelectorAll('article')].filter((each) => each.checkVisibility()).map((each) => each.id)"

pytestmark = pytest.mark.skipif(
    BINARY is None, reason="there is no Chromium here (Debian: apt-get install chromium-headless-shell)"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    assert BINARY is not None
    with launch(BINARY, tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def address(shown: PackedDataset, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_bytes(render_page(shown, sample(shown, None, 60)))
    return path.as_uri()


def left(browser: Browser) -> list[str]:
    ids: list[str] = browser.evaluate(LEFT)
    assert browser.evaluate("document.getElementById('count').textContent") == f"{len(ids)} of 11"
    return sorted(ids)


def set_field(browser: Browser, name: str, value: str) -> None:
    field = f"document.forms[0].elements[{name!r}]"
    browser.evaluate(f"{field}.value = {value!r}; {field}.dispatchEvent(new Event('input', {{bubbles: true}}))")


def test_the_page_opens_without_network_and_without_complaint(browser: Browser, address: str) -> None:
    browser.open(address)
    assert len(left(browser)) == 11
    assert browser.complaints() == []
    assert set(browser.fetched()) <= {"file", "data"}
    pictures = "Promise.all([...document.images].map((each) => each.decode().then(() => each.naturalWidth)))"
    assert browser.evaluate(pictures) == [24] * 11


def test_nothing_that_a_model_wrote_has_run(browser: Browser, address: str) -> None:
    browser.open(address)
    assert browser.evaluate("document.title").startswith("11 records of ")
    assert browser.evaluate("document.scripts.length") == 1


def test_what_slips_into_the_page_cannot_run(browser: Browser, address: str) -> None:
    browser.open(address)
    browser.evaluate("""
        document.body.insertAdjacentHTML("beforeend", "<img src=x onerror=\\"document.title = 'stolen'\\">");
        const script = document.createElement("script");
        script.textContent = "document.title = 'stolen'";
        document.body.append(script);
        new Promise((done) => setTimeout(done, 50));
    """)
    assert browser.evaluate("document.title").startswith("11 records of ")
    assert "Content Security Policy" in " ".join(browser.complaints())


@pytest.mark.parametrize(
    ("fragment", "ids"),
    [
        ("split=benchmark", [f"{HOUSEDOG}_9", f"{TENCH}_10", f"{TENCH}_8"]),
        (f"split=benchmark&class={HOUSEDOG}", [f"{HOUSEDOG}_9"]),
        ("holdout=image&words=grey+calm", [f"{HOUSEDOG}_9", f"{TENCH}_8"]),
        ("agreement=0.2-0.5", [f"{TENCH}_2"]),
        ("agreement=0.1-0.5", [f"{HOUSEDOG}_1", f"{TENCH}_2"]),
        ("agreement=1-", [f"{TENCH}_0", f"{TENCH}_10"]),
        ("words=LAWN", [f"{TENCH}_0"]),
        ("rung=new_seed&finish=stop&status=ok&words=lawn", [f"{TENCH}_0"]),
        ("rung=forced_close", None),
        ("words=unheard", []),
    ],
)
def test_an_address_presets_the_filters(fragment: str, ids: list[str] | None, browser: Browser, address: str) -> None:
    browser.open(f"{address}#{fragment}")
    if ids is None:  # no record has the value, so there is no such choice
        assert len(left(browser)) == 11
        assert browser.evaluate("document.forms[0].elements.rung.selectedOptions[0].text") == "any"
    else:
        assert left(browser) == sorted(ids)
        assert browser.evaluate("document.getElementById('none').checkVisibility()") == (not ids)


def test_filters_narrow_what_is_left_and_are_kept_in_the_address(browser: Browser, address: str) -> None:
    browser.open(address)
    set_field(browser, "split", "train")
    assert len(left(browser)) == 8
    set_field(browser, "low", "0.3")
    set_field(browser, "high", "0.9")
    assert left(browser) == [f"{TENCH}_2"]
    assert browser.evaluate("location.hash") == "#split=train&agreement=0.3-0.9"
    set_field(browser, "high", "")
    assert left(browser) == [f"{TENCH}_0", f"{TENCH}_2"]
    browser.evaluate("document.forms[0].reset(); new Promise((done) => setTimeout(done))")
    assert len(left(browser)) == 11
    assert browser.evaluate("location.hash") in {"", "#"}


def test_a_word_that_only_the_thinking_holds_marks_it(browser: Browser, address: str) -> None:
    browser.open(f"{address}#words=ponders+lawn")
    assert left(browser) == [f"{TENCH}_0"]
    marked = "[...document.querySelectorAll('article:not([hidden]) .hit')].length"
    assert browser.evaluate(marked) == 2


def test_the_keyboard_reaches_the_search_the_records_and_the_thinking(browser: Browser, address: str) -> None:
    browser.open(f"{address}#split=benchmark")
    ids = browser.evaluate(LEFT)
    focused = "document.activeElement.id || document.activeElement.name"
    browser.press("j")
    assert browser.evaluate(focused) == ids[0]
    browser.press("j")
    assert browser.evaluate(focused) == ids[1]
    browser.press("k")
    assert browser.evaluate(focused) == ids[0]
    is_open = f"document.querySelector('#{ids[0]} .thinking').open"
    browser.press("t")
    assert browser.evaluate(is_open)
    browser.press("t")
    assert not browser.evaluate(is_open)
    browser.press("/")
    assert browser.evaluate(focused) == "words"
    browser.press("j")
    assert browser.evaluate("document.activeElement.value") == "j"  # in a field, a key is a letter
    assert browser.complaints() == []


def test_the_first_stop_of_the_tab_key_is_the_search_and_the_next_are_the_filters(
    browser: Browser, address: str
) -> None:
    browser.open(address)
    names = []
    for _ in range(4):
        browser.press("Tab")
        names.append(browser.evaluate("document.activeElement.name"))
    assert names == ["words", "split", "holdout", "domain"]


@pytest.mark.parametrize("width", [360, 800, 1600])
def test_the_page_fits_narrow_and_wide_windows(width: int, browser: Browser, address: str) -> None:
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    try:
        browser.open(address)
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
    finally:
        browser.call("Emulation.clearDeviceMetricsOverride")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(scheme: str, browser: Browser, address: str) -> None:
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    try:
        browser.open(address)
        ratio = """(() => {
            const light = (css) => css.match(/[\\d.]+/g).slice(0, 3).map(Number).map((c) => c / 255)
                .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
                .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
            const back = light(getComputedStyle(document.querySelector("article")).backgroundColor);
            return Math.min(...[".answer", ".definition", ".outcome", ".about summary"].map((name) => {
                const fore = light(getComputedStyle(document.querySelector(name)).color);
                return (Math.max(fore, back) + 0.05) / (Math.min(fore, back) + 0.05);
            }));
        })()"""
        assert browser.evaluate(ratio) >= 4.5  # WCAG 2.2, success criterion 1.4.3
    finally:
        browser.call("Emulation.setEmulatedMedia", features=[])

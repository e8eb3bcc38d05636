"""The page of a report in a browser: whole, quiet, readable and sortable."""

from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.figure import Figure

from benchmarks.report import Section, write
from benchmarks.tables import Table, plain_table
from tests.benchmarks import browser

pytestmark = pytest.mark.skipif(browser.find() is None, reason="there is no Chromium")

ROWS = {
    "name": ["mixup 0.4", "mixup 0.1", "ERM", "forest"],
    "error": ["10.0 ± 1.2", "9.5 ± 0.3", "n/a", "9.0 ± 2.0"],
    "p": ["0.200", "< 0.001", "0.001", "n/a"],
    "rows": ["1,200", "90", "300", "1,000"],
}
WORDS = "python -m benchmarks " + " ".join(["word"] * 40)


def drawing(width):
    figure = Figure((width, 2), layout="constrained")
    figure.subplots().plot([0, 1], color="#0072B2")
    return figure


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    """Open a page with a small table, a wide one, long words and figures."""
    small = pd.DataFrame(ROWS).set_index("name")
    wide = pd.DataFrame({f"column {i}": ["12.3 ± 0.4"] * 2 for i in range(30)})
    words = pd.DataFrame({"what": ["a", "b"], "command": [WORDS, 400 * "x"]})
    tables = (
        Table("Small", small, small.isna()),
        plain_table(wide, "A wide one"),
        plain_table(words, "Words"),
    )
    figures = {"Narrow": drawing(4), "Broad": drawing(10)}
    sections = [Section("One", (400 * "y", WORDS), tables, figures)]
    sections.append(Section("Two", (), (), {"Again": drawing(3)}))
    page = write("A title: " + WORDS, sections, tmp_path_factory.mktemp("page")).page
    with browser.opened(page) as opened:
        yield opened


@pytest.fixture(params=[(1280, "light"), (1280, "dark"), (390, "light"), (320, "dark")])
def window(request, tab):
    tab.show(*request.param)
    return request.param


def test_nothing_goes_wrong_and_nothing_is_fetched(tab):
    assert tab.problems == []


def test_every_image_loads(tab, window):
    loaded = "[...document.images].map(i => i.complete && i.naturalWidth > 0)"
    assert tab.value(loaded) == [True] * 3


def test_the_page_itself_never_scrolls_sideways(tab, window):
    width, _ = window
    assert tab.value("document.documentElement.scrollWidth") <= width


def test_what_scrolls_can_be_reached_by_the_keyboard(tab, window):
    boxes = tab.value(
        "[...document.querySelectorAll('.scroll')]"
        ".map(b => [b.scrollWidth > b.clientWidth, b.tabIndex === 0])"
    )
    assert all(scrolls == reached for scrolls, reached in boxes)
    assert any(scrolls for scrolls, _ in boxes)


CONTRAST = """
(() => {
  const part = (x) => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
  const light = (css) => {
    const [r, g, b] = css.match(/[\\d.]+/g).map((x) => part(x / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  const names = ["p", "a", "figcaption", "h1", "td", "tbody th", "th button"];
  const inks = names.map((name) => document.querySelector(name));
  const contrasts = inks.map((each) => {
    const ink = light(getComputedStyle(each).color);
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  });
  return [paper, Math.min(...contrasts)];
})()
"""


def test_the_page_takes_the_readers_theme_and_can_be_read(tab, window):
    paper, contrast = tab.value(CONTRAST)
    assert (paper < 0.1) == (window[1] == "dark")
    assert contrast >= 4.5


BRIGHTNESS = """
(() => {
  const image = document.images[0];
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
  return pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
})()
"""


def test_figures_take_the_readers_theme_too(tab, window):
    brightness = tab.value(BRIGHTNESS)  # opacity, a quarter of it, included
    assert (brightness < 128) == (window[1] == "dark")


ORDER = "[...document.querySelector('tbody').rows].map(r => r.cells[{}].textContent)"
STATES = (
    "[...document.querySelectorAll('table:first-of-type thead')[0].rows[0].cells]"
    ".map(c => c.ariaSort)"
)


@pytest.mark.parametrize(
    ("column", "ascending"),
    [
        (0, ["ERM", "forest", "mixup 0.1", "mixup 0.4"]),
        (1, ["9.0 ± 2.0", "9.5 ± 0.3", "10.0 ± 1.2", "n/a"]),
        (2, ["< 0.001", "0.001", "0.200", "n/a"]),
        (3, ["90", "300", "1,000", "1,200"]),
    ],
)
def test_the_keyboard_sorts_and_screen_readers_are_told(tab, column, ascending):
    tab.show(1280)
    as_written = list(ROWS.values())[column]
    tab.value(f"document.querySelectorAll('thead button')[{column}].focus()")
    missing = [cell for cell in ascending if cell == "n/a"]
    descending = [cell for cell in ascending if cell != "n/a"][::-1] + missing
    orders = {"ascending": ascending, "descending": descending, "none": as_written}
    for state, order in orders.items():
        tab.press("Enter")
        assert tab.value(ORDER.format(column)) == order
        states = ["none"] * len(ROWS)
        states[column] = state
        assert tab.value(STATES) == states


def test_the_tab_key_goes_through_the_headings(tab):
    tab.show(1280)
    tab.value("document.querySelectorAll('thead button')[0].focus()")
    tab.press("Tab")
    assert tab.value("document.activeElement.textContent") == "error"
    assert tab.problems == []

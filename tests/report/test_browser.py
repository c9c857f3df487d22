"""The page of a report in a real browser, on a phone's width; skipped where there is no Chromium."""

import html
import json
import re
import shutil
import subprocess

import pytest
from planted import sweep

from suite.analysis import importance
from suite.config import record_from_table
from suite.report import write_report

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(not BROWSER, reason="needs Chromium")
LISTEN = """<script>
  const errors = [];
  addEventListener("error", event => errors.push(event.message));
  addEventListener("securitypolicyviolation", event => errors.push(event.violatedDirective));
  for (const level of ["error", "warn"]) console[level] = (...said) => errors.push(said.join(" "));
</script>"""
TELL = """<script>
  addEventListener("load", () => {
    const first = () => [...document.querySelectorAll("#answer tbody tr")].map(row => row.cells[0].innerText);
    const before = first();
    document.querySelectorAll("#answer th button")[1].click();
    document.querySelector(".filter summary").click();
    for (const cell of ["nfg", "noaf", "lstm", "noaf"])  // hide three, show one again
      document.querySelector(`.filter input[value=${cell}]`).click();
    const named = svg => svg.closest("svg[aria-label]");
    parent.postMessage(JSON.stringify({
      errors, before, after: first(), width: innerWidth, wide: document.documentElement.scrollWidth,
      hidden: [...new Set([...document.querySelectorAll("[data-cell]:not([data-against])")]
        .filter(part => getComputedStyle(part).display === "none").map(part => part.dataset.cell))],
      shown: [...new Set([...document.querySelectorAll("tr[data-cell]")]
        .filter(row => getComputedStyle(row).display !== "none").map(row => row.cells[0].textContent))],
      named: [...document.querySelectorAll("tr[data-cell]")].map(row => row.textContent),
      loaded: performance.getEntriesByType("resource").map(of => of.name).filter(of => !/^data:/.test(of)),
      figures: document.querySelectorAll("figure").length,
      unnamed: [...document.querySelectorAll("svg")].filter(svg => !named(svg)).length,
    }), "*");
  });
</script>"""
LONG = "a_name_of_more_than_eighty_letters_without_a_space_at_which_a_line_could_end_before_the_page_does"
FRAME = """<iframe src="page.html" width="360" height="800"></iframe><pre></pre>
<script>onmessage = event => document.querySelector("pre").textContent = event.data</script>"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What a browser reports about a page whose sections are all filled."""
    folder = tmp_path_factory.mktemp("browser")
    rows, config = sweep(["jsb", "timit"], {"nfg": 0.5}, 1.0, 20, seed=0, cells=["lstm", "noaf", "nfg"])
    config["name"] = LONG
    config["about"]["tasks"]["jsb"] |= {"title": LONG, "unit": LONG, "source": LONG}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importance, "TREES_PER_FOREST", 30)  # no number of the page matters here
        patch.setattr(importance, "NULL_PERMUTATIONS", 1)
        page = write_report(rows, record_from_table(config), folder / "report", all_pairs=True).read_text()
    page = page.replace("<head>", f"<head>{LISTEN}", 1).replace("</body>", f"{TELL}</body>", 1)
    (folder / "page.html").write_text(page)
    (folder / "frame.html").write_text(FRAME)
    config = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom"]
    address = f"file://{folder / 'frame.html'}"
    result = subprocess.run(
        [BROWSER, *config, address], capture_output=True, text=True, timeout=120, check=True
    )
    return json.loads(html.unescape(re.search("<pre>(.+)</pre>", result.stdout, re.DOTALL)[1]))


def test_a_page_opens_from_disk_without_an_error_and_loads_nothing(seen):
    assert seen["errors"] == []
    assert seen["loaded"] == []


def test_nothing_is_wider_than_a_phone(seen):
    assert seen["width"] == 360
    assert seen["wide"] <= 360


def test_every_figure_has_a_text(seen):
    assert seen["figures"] == 1 + 2 * 7
    assert seen["unnamed"] == 0


def test_checkboxes_hide_every_row_and_pair_of_their_variants_and_no_other(seen):
    assert sorted(seen["hidden"]) == ["lstm", "nfg"]
    assert seen["shown"] == ["noaf"]
    assert any(text.startswith("lstm, single trees") for text in seen["named"])
    assert any(text.startswith("nfgnoaf") for text in seen["named"])  # of all pairs


def test_a_click_on_a_heading_sorts(seen):
    """The probability of being better is lowest for nfg."""
    assert seen["before"] == ["noaf", "nfg"]
    assert seen["after"] == ["nfg", "noaf"]

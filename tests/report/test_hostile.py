"""Reports of what no one would ask for: missing, equal and extreme scores; names of any length and script."""

import copy
import math
import re

import numpy as np
import pandas as pd
import pytest
from marks import ONLY_LONG
from matplotlib.text import Text
from planted import report_of, sweep
from test_pages import Page

from suite.analysis.significance import average_ranks
from suite.analysis.trial_statistics import expected_best_scores
from suite.report import figures
from suite.report.figures import labels, style
from suite.report.figures.labels import (
    drawable_text,
    shorten_to_width,
    text_width,
    variant_labels,
    wrap_to_width,
)
from suite.report.figures.style import figure_style
from suite.report.rendering import escape_markdown, slugify, unique_slugs

CELLS = ("lstm", "nfg")
LONG = "laboratory.recurrent.experiments.of_november:AnExtremelyLongNameForARecurrentUnitWithManyGates"
OTHER = LONG.replace("experiments", "variations")
NAMES = ["lstm", LONG, OTHER, "$x_1$:$\\alpha^2$", "模块:细胞", "_own:Cell"]
UNIT = "每帧纳特 $5 or $6, in_units_whose_name_has_no_space_for_a_line_to_end_at_and_is_longer_than_an_axis"


@pytest.fixture(autouse=True)
def quick_analysis(monkeypatch):
    """Permute less and grow small forests: no number of these reports matters."""
    monkeypatch.setattr("suite.analysis.findings.PERMUTATION_RESAMPLES", 99)
    monkeypatch.setattr("suite.analysis.importance.NULL_PERMUTATIONS", 1)
    monkeypatch.setattr("suite.analysis.importance.TREES_PER_FOREST", 20)


@pytest.fixture
def quick(monkeypatch):
    """Make figures, and draw none."""
    monkeypatch.setattr(figures, "to_svg", lambda figure: b"<svg ></svg>")


def read(rows, asked, folder):
    """Return the page of a report, after checking that every number is readable and sortable."""
    page = Page(report_of(rows, asked, folder).read_text())
    text = page.words() + (folder / "report.md").read_text()
    assert not re.search(r"\b(inf|nan|NaN|NA|NaT)\b", text)
    sorted_by = [attrs["data-value"] for attrs in page.all("td") if "data-value" in attrs]
    assert all(math.isfinite(float(value)) for value in sorted_by if value)
    for path in (folder / "figures").glob("*.svg"):
        assert not re.search(r"\b(inf|nan)\b", path.read_text())
    return page


def without(rows, lost):
    """Return rows, some of them without scores."""
    rows = rows.assign(status=np.where(lost, "diverged", "done"))
    rows.loc[lost, ["valid", "test"]] = math.nan
    return rows


def first(rows, **many):
    """Return which rows are of the first so many trials of each variant."""
    return rows["trial"] < rows["cell"].map(many).fillna(0)


@pytest.mark.parametrize(("lstm", "nfg"), [(0, 7), (7, 0), (6, 7), (11, 11), (12, 7), (12, 12)])
@pytest.mark.usefixtures("quick")
def test_a_search_may_lack_any_number_of_scores(lstm, nfg, tmp_path):
    rows, config = sweep(["jsb"], {"nfg": 0.5}, 1.0, 12, seed=0, cells=CELLS)
    text = read(without(rows, first(rows, lstm=lstm, nfg=nfg)), config, tmp_path).words()
    assert (f"{lstm + nfg} of 24 trials here have no score" in text) == (lstm + nfg > 0)
    assert ("No trial has a score yet." in text) == (lstm + nfg == 24)
    if lstm + nfg < 24:
        shift = pd.read_csv(tmp_path / "tables" / "jsb-differences.csv")["shift"].item()
        assert not math.isinf(shift) or ("+∞" if shift > 0 else "−∞") in text


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.usefixtures("quick")
def test_any_trials_may_lack_scores(seed, tmp_path):
    rows, config = sweep(["jsb"], {}, 1.0, 5, seed, cells=(*CELLS, "gru"))
    draw = np.random.default_rng(seed)
    share = rows["cell"].map(dict(zip(config["cells"], draw.uniform(size=3), strict=True)))
    read(without(rows, draw.uniform(size=len(rows)) < share), config, tmp_path)


@pytest.mark.usefixtures("quick")
def test_a_claim_about_a_variant_that_has_no_score_says_so(tmp_path):
    rows, config = sweep(["jsb"], {}, 1.0, 20, seed=0, cells=("lstm", "gru", "rnn"))
    config["tasks"], config["about"]["tasks"] = ["adding"], {"adding": config["about"]["tasks"]["jsb"]}
    config["space"] = {}
    text = read(without(rows, rows["cell"] == "rnn").assign(task="adding"), config, tmp_path).words()
    assert "the median of the best tenth is no score for rnn" in text


@pytest.mark.parametrize(
    "scores",
    [
        pytest.param(lambda score: 0 * score, id="zero"),
        pytest.param(lambda score: 0 * score + 3, id="equal"),
        pytest.param(lambda score: 1e30 * score, id="huge"),
        pytest.param(lambda score: 1e-12 * score, id="tiny", marks=ONLY_LONG),
        pytest.param(lambda score: 8 - score, id="around zero"),
        pytest.param(lambda score: np.where(score.index == 1, 0, score), id="a zero", marks=ONLY_LONG),
    ],
)
def test_scores_may_be_of_any_size(scores, tmp_path):
    rows, config = sweep(["jsb"], {}, 1.0, 6, seed=0, cells=CELLS)
    rows = rows.assign(valid=scores(rows["valid"]), test=scores(rows["test"]))
    text = read(rows, config, tmp_path).words()
    assert not re.search(r"\b0\.000 higher", text)
    assert ("equal at" in text) == (np.ptp(rows["test"]) == 0)
    assert not re.search(r"(?<!seed )(?<!\d)\d{10}", text)


@pytest.mark.parametrize("cells", [("lstm",), ("gru",), ("gru", "nfg")])
def test_a_sweep_may_be_of_a_single_trial_of_any_variants(cells, tmp_path):
    rows, config = sweep(["jsb"], {}, 1.0, 1, seed=0, cells=cells)
    config["epochs"] = 1
    read(rows.assign(epochs=1, best_epoch=1, operations=0.0), config, tmp_path)


@pytest.mark.usefixtures("quick")
def test_a_sweep_of_one_variant_says_that_nothing_is_compared(tmp_path):
    """And does not define what would be significant in comparisons that it does not have."""
    rows, asked = sweep(["jsb"], {}, 1.0, 5, seed=0, cells=("lstm",))
    said = read(rows, asked, tmp_path).words()
    assert "The only variant of this sweep is vanilla lstm, so nothing is compared." in said
    assert "0 comparisons" not in said
    assert "No trials are here yet" not in said


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("fixed", [["momentum"], ["units", "learning_rate", "momentum", "input_noise"]])
def test_hyperparameters_may_be_fixed(fixed, tmp_path):
    rows, config = sweep(["jsb"], {}, 1.0, 6, seed=0, cells=("lstm",))
    config = copy.deepcopy(config)
    for name in fixed:
        rows[name] = rows[name].iloc[0]
        config["space"][name] |= {"low": rows[name].iloc[0], "high": rows[name].iloc[0]}
    read(rows, config, tmp_path)


@pytest.mark.usefixtures("quick")
def test_rows_without_operations_are_reported_without(tmp_path):
    rows, config = sweep(["jsb"], {}, 1.0, 5, seed=0, cells=CELLS)
    assert "multiply–adds per trial" in read(rows, config, tmp_path / "new").words()
    rows["operations"] = None
    assert "multiply–adds per trial" not in read(rows, config, tmp_path / "old").words()


@pytest.fixture
def hostile(trials, curves, planted, space):
    """Every figure of variants and a unit with hostile names, by name: a function that makes it."""
    one = trials[trials["cell"] == "lstm"]
    rows = pd.concat([one.assign(cell=name) for name in NAMES], ignore_index=True)
    curves = pd.concat([curves[curves["cell"] == "lstm"].assign(cell=name) for name in NAMES])
    ranks = average_ranks(pd.DataFrame([range(6)] * 9 + [[1, 0, 2, 3, 5, 4]], columns=NAMES))
    label, four = f"test score ({UNIT})", planted(4)
    tables = dict.fromkeys(NAMES, expected_best_scores(one, seed=1))
    return {
        "boxes": lambda: figures.score_boxplots(rows, NAMES, label, {LONG}, parameters={}),
        "against": lambda: figures.hyperparameter_scatter(rows, NAMES, "learning_rate", "log", label),
        "against few": lambda: figures.hyperparameter_scatter(rows, NAMES[:2], "learning_rate", "log", label),
        "sizes": lambda: figures.cost_scatter(rows, NAMES, label),
        "ranks": lambda: figures.critical_difference_diagram(ranks),
        "marginals": lambda: figures.marginal_plots(four, four, space, label),
        "shares": lambda: figures.importance_bars(dict.fromkeys(NAMES, four), list(space)),
        "pairs": lambda: figures.interaction_heatmaps(four, space, label),
        "learning_curves": lambda: figures.learning_curves(curves, rows, NAMES, label),
        "expected_best": lambda: figures.expected_best_curves(tables, label),
    }


def test_hostile_names_are_inside_every_figure_and_leave_room_for_its_axes(hostile):
    for name, draw in hostile.items():
        figure = draw()
        figure_style(figure.canvas.draw)()
        width, height = figure.get_size_inches()
        inside = figure.get_tightbbox()
        assert min(inside.x0, inside.y0) >= -0.01, name
        assert inside.x1 <= width + 0.01, name
        assert inside.y1 <= height + 0.01, name
        least = min(axes.get_position().width for axes in figure.axes)
        assert least > 0.07, name
        assert all("$" not in text.get_text() or not text.get_parse_math() for text in figure.findobj(Text))


def test_every_learning_curve_has_a_name_of_its_own(hostile):
    names = [text.get_text() for text in hostile["learning_curves"]().axes[1].texts]
    assert sorted(names) == sorted(variant_labels(NAMES).values())
    assert len(set(names)) == len(NAMES)


def test_what_no_font_has_is_left_out_without_a_warning():
    assert drawable_text("nats\n per  frame") == "nats per frame"
    assert drawable_text("a\U000f0000\U000f0001b") == "a…b"  # for private use: no font has them
    assert drawable_text("Größe ∂x/∂t π ⊙") == "Größe ∂x/∂t π ⊙"


def test_a_long_text_keeps_its_beginning_and_its_end():
    short = shorten_to_width(LONG, 90)
    assert re.fullmatch(r"lab.*….*Gates", short)
    assert text_width(short) <= 90 < text_width(LONG)
    assert shorten_to_width("lstm", 90) == "lstm"


def test_text_is_wrapped_at_spaces_if_it_can_be():
    assert wrap_to_width("test score (nats per frame)", 90) == "test score (nats per\nframe)"
    lines = wrap_to_width(UNIT, 100, max_lines=3).split("\n")
    assert len(lines) == 3
    assert max(map(text_width, lines)) <= 100
    assert "…" in lines[-1]


def test_names_of_files_are_short_and_no_two_alike():
    names = ["a:b", "a-b", "a/b", "模" * 90, "模" * 91, LONG * 3]
    assert list(unique_slugs(names).values())[:3] == ["a-b", "a-b-2", "a-b-3"]
    assert len(set(unique_slugs(names).values())) == len(names)
    assert max(len(slugify(name).encode()) for name in names) <= 120


def test_a_dollar_in_markdown_is_no_mathematics():
    assert escape_markdown("costs $5 or $x_1$") == r"costs \$5 or \$x\_1\$"
    assert escape_markdown("&lt; is <") == r"\&lt; is \<"  # else both are the same on the page


@pytest.mark.usefixtures("quick")
def test_hostile_names_stand_whole_in_the_page(tmp_path):
    rows, config = sweep(["jsb"], {}, 1.0, 3, seed=0, cells=NAMES)
    config["about"]["tasks"]["jsb"] |= {"title": "众赞歌 $1$ <b>", "unit": UNIT}
    text = read(rows, config, tmp_path).words()
    assert all(name in text for name in [*NAMES, UNIT, "众赞歌 $1$ <b>"])


@pytest.fixture
def draw_in(trials, monkeypatch):
    """Draw a figure of a variant by its name, with the fonts of these families."""

    def drawn(name, *families):
        monkeypatch.setattr(labels, "FONT_FAMILIES", families)
        monkeypatch.setitem(style.MATPLOTLIB_STYLE, "font.family", list(families))
        forget()
        some = trials[trials["cell"] == "lstm"].assign(cell=name)
        svg = figures.to_svg(figures.hyperparameter_scatter(some, [name], "units", "linear", "nats"))
        return svg.replace(f'data-cell="{name}"'.encode(), b"")  # is no text that is drawn

    def forget():
        labels._supported_characters.cache_clear()
        labels.text_width.cache_clear()

    yield drawn
    forget()


def test_a_font_with_what_is_lacking_is_used_and_changes_nothing_else(draw_in):
    actual, both = ["DejaVu Sans"], ["DejaVu Sans", "STIXGeneral"]  # both come with matplotlib
    assert draw_in("⌕", *actual) == draw_in("…", *actual)
    assert draw_in("⌕", *both) != draw_in("…", *both)
    assert draw_in("lstm@layers=2", *both) == draw_in("lstm@layers=2", *actual)

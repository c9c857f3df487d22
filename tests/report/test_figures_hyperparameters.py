"""Figures of hyperparameters: positions become values, and each pair is drawn the right way round."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex

from suite.report import figures
from suite.report.figures.style import BLUE, GREEN, to_png
from suite.space import Range


def labels(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


def heat(axes):
    """Return the heat map of a panel."""
    (mesh,) = (result for result in axes.collections if isinstance(result, QuadMesh))
    return mesh


def values(axes):
    return np.asarray(heat(axes).get_array())


def test_marginals_have_a_column_a_hyperparameter_of_score_and_operations(planted, space):
    score, operations = planted(4), planted(4)
    figure = figures.marginal_plots(score, operations, space, "nats")
    above, below = np.reshape(figure.axes, (2, 4))
    assert [axes.get_xlabel() for axes in below] == ["units", "learning rate", "momentum", "input noise"]
    assert [line[0].get_ylabel() for line in (above, below)] == ["nats", "multiply–adds of a trial"]
    for line, shade in ((above, BLUE), (below, GREEN)):
        for column, axes in enumerate(line):
            (mean,) = axes.get_lines()
            assert mean.get_color() == shade
            assert mean.get_ydata().tolist() == score.marginal(column)[0].tolist()
            assert mean.get_xdata()[[0, -1]].tolist() == [1 / 16, 15 / 16]  # the centres of eight cells
            heights = axes.collections[0].get_paths()[0].vertices[:, 1]
            assert heights.min() == pytest.approx(mean.get_ydata().min() - 0.1)
            assert heights.max() == pytest.approx(mean.get_ydata().max() + 0.1)
    assert len({axes.get_ylim() for axes in above}) == 1  # on one scale


def test_marginals_without_operations_are_of_the_score_alone(planted, space):
    drawn = figures.marginal_plots(planted(4), None, space, "nats").axes
    assert [axes.get_ylabel() for axes in drawn] == ["nats", "", "", ""]


def test_axes_of_positions_are_labelled_with_values(planted, space):
    axes = figures.marginal_plots(planted(4), None, space, "nats").axes
    assert [labels(panel.xaxis) for panel in axes] == [
        ["20", "50", "100", "200"],
        ["10⁻⁶", "10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²"],
        ["0", "0.5", "0.9", "0.99"],
        ["0", "0.5", "1"],
    ]
    assert axes[2].get_xticks() == pytest.approx([0, np.log(0.5) / np.log(0.01), 0.5, 1])


def test_a_narrow_momentum_has_labels_too(planted):
    for low, high, named in ((0.6, 0.8, ["0.6", "0.7", "0.8"]), (0.45, 0.55, ["0.45", "0.5", "0.55"])):
        space = {"momentum": Range(low, high, "one minus log")}
        (axes,) = figures.marginal_plots(planted(1), None, space, "nats").axes
        assert set(named) <= set(labels(axes.xaxis))


def test_a_hyperparameter_that_is_fixed_has_no_column(planted, space):
    space["momentum"] = replace(space["momentum"], low=0.9, high=0.9)
    names = [axes.get_xlabel() for axes in figures.marginal_plots(planted(3), None, space, "nats").axes]
    assert names == ["units", "learning rate", "input noise"]
    assert len(figures.interaction_heatmaps(planted(3), space, "nats").axes) == 9 + 2  # and two colour bars


@pytest.mark.parametrize("columns", [1, 2, 6])
def test_any_number_of_hyperparameters_fits(planted, columns):
    space = {f"number_{j}": Range(0.1, 10, "log") for j in range(columns)}
    drawn = [figures.marginal_plots(planted(columns), planted(columns), space, "nats")]
    drawn += [figures.importance_bars({"lstm": planted(columns)}, list(space))]
    drawn += [figures.interaction_heatmaps(planted(columns), space, "nats")] if columns > 1 else []
    for figure in drawn:
        assert figures.to_svg(figure).startswith(b"<?xml")


def test_shares_of_a_variant_stand_end_to_end_and_add_up_to_one(planted, space):
    figure = figures.importance_bars({"lstm": planted(4), "np": planted(4)}, list(space))
    (axes,) = figure.axes
    named = ["units", "learning rate", "momentum", "input noise", "interactions", "rest"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == named
    widths = [0.5, 0.25, 0.125, 0.0625, 0.06, 0.0025]
    bars = [container.patches for container in axes.containers]
    for y in (0, 1):
        assert [bar[y].get_width() for bar in bars] == pytest.approx(widths)
        assert [bar[y].get_x() for bar in bars] == pytest.approx(np.cumsum([0, *widths[:-1]]))
    assert [text.get_text() for text in axes.texts[::2]] == [
        "50%",
        "25%",
        "12%",
        "6%",
        "6%",
    ]  # none in the rest
    assert axes.texts[0].get_position() == pytest.approx((0.25, 0))
    assert labels(axes.yaxis) == ["lstm", "np"]
    assert len({to_hex(bar[0].get_facecolor()) for bar in bars}) == 6


def test_published_shares_are_a_bar_of_what_was_printed(planted, space):
    printed = {"learning_rate": 0.91, "input_noise": 0.02, "interactions": 0.05}
    (axes,) = figures.importance_bars({"lstm": planted(4)}, list(space), printed).axes
    assert labels(axes.yaxis) == ["lstm", "Greff et al."]
    assert [bars[1].get_width() for bars in axes.containers] == pytest.approx([0, 0.91, 0, 0.02, 0.05, 0])


def test_pairs_show_the_score_below_the_diagonal_and_interaction_above(planted, space):
    result, panels = (
        planted(4),
        np.reshape(figures.interaction_heatmaps(planted(4), space, "nats").axes[:16], (4, 4)),
    )
    names = ["units", "learning rate", "momentum", "input noise"]
    assert [panels[j, j].texts[0].get_text() for j in range(4)] == names
    for a in range(4):
        for b in range(a + 1, 4):
            assert values(panels[b, a]).T.tolist() == result.surface(a, b).tolist()  # a to the right, b up
            assert values(panels[a, b]).tolist() == result.interaction(a, b).tolist()  # b to the right, a up
    assert labels(panels[1, 0].yaxis)[0] == "10⁻⁶"
    assert labels(panels[3, 0].xaxis) == ["20", "50", "100", "200"]
    assert all(axes.get_ylim() == axes.get_xlim() == (0, 8) for axes in panels.ravel())  # the lowest is below


def test_pairs_share_their_colours_and_no_interaction_is_white(planted, space):
    figure = figures.interaction_heatmaps(planted(4), space, "nats")
    panels = np.reshape(figure.axes[:16], (4, 4))
    pairs = list(itertools.combinations(range(4), 2))
    surfaces = [planted(4).surface(*pair) for pair in pairs]
    for a, b in pairs:
        assert heat(panels[b, a]).get_clim() == (np.min(surfaces), np.max(surfaces))
        assert heat(panels[a, b]).get_clim() == pytest.approx((-0.3, 0.3))
    shade = heat(panels[0, 1]).cmap(0.5)
    assert np.ptp(shade[:3]) < 0.02
    assert min(shade[:3]) > 0.95
    assert [axes.get_xlabel() for axes in figure.axes[16:]] == ["nats", "interaction alone, nats"]


def test_contours_tell_better_from_worse_without_colour(planted, space):
    class Signed(planted):
        def interaction(self, row, column):
            return super().interaction(row, column) * (1 if row else -3)

    panels = np.reshape(
        figures.interaction_heatmaps(Signed(3), dict(list(space.items())[:3]), "").axes[:9], (3, 3)
    )
    contour = panels[0, 1].collections[1]
    assert contour.levels == pytest.approx([-0.15])
    assert contour.get_linestyle()[0][1] is not None  # dashed
    contour = panels[1, 2].collections[1]
    assert contour.levels == pytest.approx([0.15])
    assert contour.get_linestyle()[0][1] is None


def test_pairs_without_any_interaction_are_drawn(planted, space):
    class Additive(planted):
        def interaction(self, row, column):
            return np.zeros((self.cells, self.cells))

    assert to_png(figures.interaction_heatmaps(Additive(4), space, "nats"))

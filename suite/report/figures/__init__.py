"""The figures of a report: a function each, which returns a matplotlib Figure and touches no global state.

In an SVG of `to_svg`, `data-cell` of a group names the variant that it shows, and `data-trial` of a shape in
it the trial.
"""

from suite.report.figures.curves import expected_best_curves, learning_curves, length_curves
from suite.report.figures.effects import effect_plot
from suite.report.figures.hyperparameters import importance_bars, interaction_heatmaps, marginal_plots
from suite.report.figures.scores import (
    cost_scatter,
    critical_difference_diagram,
    hyperparameter_scatter,
    score_boxplots,
)
from suite.report.figures.style import to_png, to_svg

__all__ = [
    "cost_scatter",
    "critical_difference_diagram",
    "effect_plot",
    "expected_best_curves",
    "hyperparameter_scatter",
    "importance_bars",
    "interaction_heatmaps",
    "learning_curves",
    "length_curves",
    "marginal_plots",
    "score_boxplots",
    "to_png",
    "to_svg",
]

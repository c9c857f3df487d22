"""The figures of a report: a function each, which returns a matplotlib Figure and touches no global state."""

from suite.report.figures.curves import expected_best, learning_curves
from suite.report.figures.hyperparameters import marginals, pairs, shares
from suite.report.figures.scores import against, boxes, ranks, sizes
from suite.report.figures.style import png, svg

__all__ = [
    "against",
    "boxes",
    "expected_best",
    "learning_curves",
    "marginals",
    "pairs",
    "png",
    "ranks",
    "shares",
    "sizes",
    "svg",
]

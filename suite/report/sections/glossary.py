"""The terms of the page, each in a sentence."""

from suite.analysis.findings import Findings
from suite.config import VANILLA
from suite.report.parts import Bullets, Section, Strong, Text

TERMS = {
    "trial": "one training run, with hyperparameters and a seed of its own; a row of the results",
    "variant": "a recurrent cell under comparison; all trials of one variant on one task are a search",
    "units": "the size of the hidden state",
    "score": "the error of a trial on a split of the data, in the unit of the task; lower is better",
    "probability to be better": (
        "of two trials, one of the variant and one of the baseline, how often the variant’s has the lower "
        "test score; ties count half (Vargha and Delaney’s A, Mann and Whitney’s U over the number of pairs)"
    ),
    "best tenth": (
        "the tenth of a search’s trials with the lowest validation scores, rounded up: what a careful user "
        "of the variant may expect"
    ),
    "importance": "the share of the variance of test scores that a hyperparameter explains",
    "multiply–adds": (
        "products and sums of training a trial, counted from its shapes: the same on every machine"
    ),
    "diverged": "a trial that ended because its loss was not finite; it keeps its best scores before that",
}
TESTED = ("probability to be better", "importance")  # terms that need independent trials
UNITS = {
    "nats": "the negative natural logarithm of the probability of the right answer; 1 nat is 1.44 bits",
    "nats per frame": (
        "the negative natural logarithm of the probability that a model gives to all the notes of a step of "
        "the music, in the mean over steps; 1 nat is 1.44 bits"
    ),
}


def build(findings: Findings) -> list[Section]:
    """Return the glossary: the terms of this page."""
    terms = {
        name: text for name, text in TERMS.items() if findings.has_independent_trials or name not in TESTED
    }
    if VANILLA in findings.config.cells:
        terms["vanilla"] = (
            f"{VANILLA}, the LSTM that Greff et al. (2017) start from: three gates, peepholes, and tanh for "
            "input and output"
        )
    units = {info.unit for info in findings.record.tasks.values()}
    terms |= {unit: text for unit, text in UNITS.items() if unit in units}
    items = [Text([Strong(name), f": {text}."]) for name, text in sorted(terms.items())]
    return [Section("glossary", "Glossary", [Bullets(items)])]

"""The glossary: the terms of the page, each explained in a sentence."""

from suite.analysis.findings import Findings
from suite.config import VANILLA
from suite.report.parts import Bullets, Section, Strong, Text

TERMS = {
    "trial": "one training run with its own hyperparameters and seed; one row of the results",
    "variant": (
        "a network under comparison, with a recurrent cell or without recurrence; all trials of one variant "
        "on one task are a search"
    ),
    "units": "the size of the hidden state",
    "score": "the error of a trial on a split of the data, in the unit of the task; lower is better",
    "probability of being better": (
        "the share of all pairs of one trial of the variant and one of the baseline in which the variant "
        "has the lower test score; ties count half (Vargha and Delaney’s A, which is Mann and Whitney’s U "
        "divided by the number of pairs)"
    ),
    "best tenth": (
        "the 10 % of a search’s trials with the lowest validation scores, rounded up: what a user who tunes "
        "the variant carefully can expect"
    ),
    "importance": "the share of the variance of test scores that a hyperparameter explains",
    "multiply–adds": (
        "the multiplications and additions needed to train a trial, computed from the sizes of its arrays; "
        "the same on every machine"
    ),
    "diverged": (
        "said of a trial that ended because its loss or score was no longer a finite number; it keeps the "
        "best scores it had before"
    ),
}
TESTED = ("probability of being better", "importance")  # terms that need independent trials
UNITS = {
    "nats": "the negative natural logarithm of the probability of the right answer; 1 nat is 1.44 bits",
    "nats per frame": (
        "the negative natural logarithm of the probability that a model gives to the notes of one time "
        "step, averaged over time steps; 1 nat is 1.44 bits"
    ),
}


def build(findings: Findings) -> list[Section]:
    """Return the section with the glossary of the terms on this page."""
    terms = {
        name: text for name, text in TERMS.items() if findings.has_independent_trials or name not in TESTED
    }
    if VANILLA in findings.config.cells:
        terms["vanilla"] = (
            f"{VANILLA}, the LSTM that Greff et al. (2017) take as their baseline: three gates, peepholes, "
            "and tanh for input and output"
        )
    units = {info.unit for info in findings.record.tasks.values()}
    terms |= {unit: text for unit, text in UNITS.items() if unit in units}
    items = [Text([Strong(name), f": {text}."]) for name, text in sorted(terms.items())]
    return [Section("glossary", "Glossary", [Bullets(items)])]

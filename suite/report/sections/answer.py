"""The section "The answer": what the sweep found, as sentences, one figure and its table."""

import math
from collections.abc import Callable

import pandas as pd

from suite.analysis.cell_claims import count_tests
from suite.analysis.findings import Findings
from suite.analysis.hyperparameter_claims import CONFIDENCE_SDS
from suite.analysis.importance import Importance
from suite.analysis.verdicts import MIN_CLAIM_TRIALS
from suite.config import VANILLA
from suite.report import figures
from suite.report.formatting import (
    ORACLE_NAMES,
    format_p,
    format_probability,
    hyperparameter_label,
    join_names,
    short_description,
    variant_name,
)
from suite.report.parts import Figure, Part, Section, Strong, Table, TableColumn, Text
from suite.report.sections.best_tenths import overall_sentence, overview_table
from suite.text import format_count

VERDICT_VERBS = {  # singular and plural
    "holds": ("holds", "hold"),
    "fails": ("fails", "fail"),
    "undecided": ("is undecided", "are undecided"),
    "not tested": ("is not tested", "are not tested"),
}
NOT_TESTED_NOTE = (
    "P-values, probabilities of being better, expected scores of the best of n trials, and importances are "
    "left out, because they assume that trials are independent draws. Best trials, best tenths and medians "
    "describe this sweep only. Average ranks are shown, because they use one number for each search."
)
HYPERBAND_NOTE = (
    " A trial that Hyperband continued for more epochs counts once, with the score of its longest run. A "
    "trial that Hyperband did not continue has the score of its short run."
)


def build(findings: Findings) -> list[Section]:
    """Return the section "The answer", the first of the page."""
    if not findings.has_scores:
        return [Section("answer", "The answer", [Text(overall_sentence(findings), "lead")])]
    parts: list[Part] = [Text(" ".join(answer_sentences(findings)), "lead"), baseline_text(findings)]
    tested = {task: table for task, table in findings.differences.items() if findings.is_tested(task)}
    if tested:
        parts += [effect_figure(findings, tested), Text(caution_sentences(findings), "caution")]
        parts.append(effect_table(findings, tested))
    else:
        parts += [Text(overall_sentence(findings)), Text(caution_sentences(findings), "caution")]
        parts.append(overview_table(findings))
    return [Section("answer", "The answer", [part for part in parts if part != Text("", "caution")])]


def answer_sentences(findings: Findings) -> list[str]:
    """Return the sentences of the answer."""
    if not findings.has_independent_trials:
        return [dependent_trials_sentence(findings), claims_sentence(findings)]
    return [*difference_sentences(findings), *importance_sentences(findings), claims_sentence(findings)]


def dependent_trials_sentence(findings: Findings) -> str:
    """Return a sentence on why nothing is tested: an oracle chose trials by the scores of others."""
    return (
        f"{ORACLE_NAMES[findings.config.oracle]} chose the trials by the scores of earlier trials, so they "
        "are not independent draws: this page describes the variants and tests no difference."
    )


def difference_sentences(findings: Findings) -> list[str]:
    """Return sentences on which variants differ from the baseline, and on which tasks."""
    baseline, cells = variant_name(findings.baseline), findings.record.cells
    if len(cells) == 1:
        return [f"The only variant of this sweep is {baseline}, so nothing is compared."]
    tested = pd.concat(findings.differences.values()).dropna(subset="p")
    if tested.empty:
        return [f"There are no trials yet that can be compared with {baseline}."]
    sentences, differ = [], set()
    for direction in ("worse", "better"):
        places: dict[tuple, list[str]] = {}
        for cell, group in tested[tested[direction].astype(bool)].groupby("cell", sort=False):
            places.setdefault(tuple(group["task"]), []).append(str(cell))
            differ.add(cell)
        sentences += [
            f"{join_names(described_variant(cell, cells[cell]) for cell in group)} "
            f"{'is' if len(group) == 1 else 'are'} significantly {direction} than {baseline} "
            f"on {_task_phrase(tasks, findings.record.titles)}."
            for tasks, group in places.items()
        ]
    not_significant = [cell for cell in dict.fromkeys(tested["cell"]) if cell not in differ]
    if not sentences:
        return [f"No variant differs significantly from {baseline}, which is no proof that they are equal."]
    if not_significant:
        verb = "does" if len(not_significant) == 1 else "do"
        sentences.append(f"{join_names(not_significant)} {verb} not differ significantly from {baseline}.")
    return sentences


def described_variant(cell: str, description: str) -> str:
    """Return the name of a variant with a short description in parentheses, if it has one.

    A name with options, such as lstm@layers=2, says more than the description of its cell.
    """
    words = "" if "@" in cell else short_description(description)
    return f"{cell} ({words})" if words.lower() not in ("", cell.lower()) else cell


def importance_sentences(findings: Findings) -> list[str]:
    """Return sentences on which hyperparameters of the baseline matter more than chance, by task."""
    names, titles = list(findings.varied_ranges), findings.record.titles
    shares: dict[str, list[str]] = {}
    without = []
    for task, title in titles.items():
        if (task, findings.baseline) in findings.importances:
            clear_shares = shares_above_chance(findings.importances[task, findings.baseline])
            without += [] if clear_shares else [title]
            for j, share in clear_shares.items():
                shares.setdefault(names[j], []).append(f"{100 * share:.0f} % on {title}")
    sentences = [
        f"Of the variance of {variant_name(findings.baseline)}’s test scores, "
        f"{hyperparameter_label(name)} alone explains {join_names(parts)}."
        for name, parts in shares.items()
    ]
    if without:
        sentences.append(
            f"On {join_names(without)} no single hyperparameter clearly matters more than chance."
        )
    return sentences


def shares_above_chance(importance: Importance) -> dict[int, float]:
    """Return the columns whose share is clearly above the share that chance gives, with their shares."""
    own = {effect[0]: share for effect, share in importance.shares.items() if len(effect) == 1}
    return {
        j: share
        for j, share in own.items()
        if share - CONFIDENCE_SDS * importance.share_sd[(j,)] > importance.permutation_null[1]
    }


def claims_sentence(findings: Findings) -> str:
    """Return a sentence on how many of the published claims hold, fail or are undecided."""
    counts = pd.Series([verdict.verdict for verdict in findings.verdicts]).value_counts()
    total = format_count(len(findings.verdicts), "published claim")
    if counts.get("not tested", 0) == len(findings.verdicts):
        needed = f", for which each search needs at least {MIN_CLAIM_TRIALS} trials"
        few = findings.record.trials_per_search < MIN_CLAIM_TRIALS
        return f"None of {total} can be tested on these trials{needed if few else ''}."
    parts = [
        f"{counts[verdict]} {one if counts[verdict] == 1 else several}"
        for verdict, (one, several) in VERDICT_VERBS.items()
        if verdict in counts
    ]
    return f"Of {total}, {join_names(parts)}.{_trials_needed_sentence(findings)}"


def _trials_needed_sentence(findings: Findings) -> str:
    """Return a sentence on how many trials may decide half of the undecided claims; "" if none is known."""
    undecided = [verdict.trials_needed for verdict in findings.verdicts if verdict.verdict == "undecided"]
    needed = pd.Series(undecided, dtype=float).fillna(math.inf)
    half = needed.quantile(0.5, interpolation="lower")
    if not math.isfinite(half):
        return ""
    which = f"{(needed <= half).sum()} of the {len(needed)} undecided claims"
    which = "the undecided claim" if len(needed) == 1 else which
    return f" About {half:,.0f} trials of each search may decide {which}."


def baseline_text(findings: Findings) -> Text:
    """Return a text on what the baseline is, and why it is the baseline."""
    record, baseline = findings.record, findings.baseline
    cause = ""
    if baseline != VANILLA:
        cause = f"It is the first variant, because {VANILLA} is not in this sweep. "
    if record.config.baseline:
        cause = "It was chosen as the baseline. "
    description = f"{record.cells[baseline].rstrip('.')}. " if record.cells[baseline] else ""
    trials = format_count(record.trials_per_search, "trial")
    origin = "randomly drawn" if record.config.oracle == "random" else "its own"
    units = {info.unit for info in record.tasks.values()} - {""}
    unit = f" (here in {units.pop()})" if len(units) == 1 else ""
    return Text(
        [
            Strong(f"The baseline is {variant_name(baseline)}."),
            f" {description}{cause}Every variant gets {trials} on each task. A trial is one training run "
            f"with {origin} hyperparameters. It is better than another trial if its test score{unit} is "
            "lower.",
        ]
    )


def effect_figure(findings: Findings, tested: dict[str, pd.DataFrame]) -> Figure:
    """Return the figure of the answer: each variant compared with the baseline, by task."""
    baseline = variant_name(findings.baseline)
    return Figure(
        "answer",
        figures.effect_plot(tested, findings.record.titles, findings.baseline),
        f"For each task, the probability that a trial of a variant is better than a trial of {baseline}, "
        "with its interval.",
        f"How often a random trial of a variant is better than a random trial of {baseline}: 1 means always, "
        "0 never, and 0.5 no difference. The lines are 95 % intervals, not adjusted for the number of "
        "comparisons. An asterisk marks a difference that is significant after adjustment for all "
        "comparisons.",
        "answer",
    )


def effect_table(findings: Findings, tested: dict[str, pd.DataFrame]) -> Table:
    """Return the table of the answer: the probability that a variant is better than the baseline, and p."""
    frame = pd.DataFrame({"cell": [cell for cell in findings.config.cells if cell != findings.baseline]})
    columns = [TableColumn("variant", "cell")]
    for task, table in tested.items():
        numbers = ["probability", "low", "high", "adjusted"]
        *probability, p = (f"{task} {name}" for name in numbers)
        frame[[*probability, p]] = table[numbers].to_numpy(float)
        heading = findings.record.titles[task] if len(tested) > 1 else f"better than {findings.baseline}"
        columns += [
            TableColumn(heading, probability[0], show_row=_probability_text(*probability)),
            TableColumn("p", p, format_p),
        ]
    frame["description"] = [findings.record.cells[cell] for cell in frame["cell"]]
    caption = (
        f"The probability that a trial is better than a trial of {variant_name(findings.baseline)} (with its "
        "95 % interval), and the p-value of a permutation test, adjusted by Holm’s method for "
        f"{format_count(count_tests(findings.comparisons), 'comparison')}. An asterisk marks p < .05."
    )
    return Table("answer", caption, frame, [*columns, TableColumn("what it is", "description")])


def caution_sentences(findings: Findings) -> str:
    """Return the definition of "significant", or a note on what is left out if nothing is tested."""
    text = NOT_TESTED_NOTE
    if findings.has_independent_trials:
        text = "" if findings.comparisons.empty else significance_definition(findings)
    if findings.config.oracle == "hyperband":
        text += HYPERBAND_NOTE
    searches = pd.concat(findings.summaries.values()).query("trials > 0")["trials"]
    if searches.min() < searches.max():
        counts = f"{searches.min():,} to {format_count(searches.max(), 'trial')}"
        text += (
            f" Variants have {counts} so far. Trials that end early are stored first, and a variant with "
            "more trials tends to have a better best trial."
        )
    return text.strip()


def significance_definition(findings: Findings) -> str:
    """Return the definition of "significant" on this page."""
    return (
        "A difference is significant if a permutation test of all trials has p < .05 after Holm’s "
        f"adjustment for the {format_count(count_tests(findings.comparisons), 'comparison')} of this page "
        "and its claims. Together they report a difference that does not exist in at most 5 % of sweeps. The "
        "test compares randomly drawn trials, not the best trials that searches find."
    )


def _probability_text(*keys: str) -> Callable[[dict], str]:
    return lambda row: format_probability(row, *keys)


def _task_phrase(tasks: tuple[str, ...], titles: dict[str, str]) -> str:
    if len(tasks) == len(titles) > 1:
        return "every task"
    return join_names(titles[task] for task in tasks)

"""What the sweep found, in sentences, in one picture and in the table that the picture is drawn from."""

from collections.abc import Callable

import pandas as pd

from suite.analysis.cell_claims import count_tests
from suite.analysis.findings import Findings
from suite.analysis.hyperparameter_claims import CONFIDENCE_SDS
from suite.analysis.importance import Importance
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

VERDICT_VERBS = {  # of one claim, and of several
    "holds": ("holds", "hold"),
    "fails": ("fails", "fail"),
    "undecided": ("is undecided", "are undecided"),
    "not tested": ("is not tested", "are not tested"),
}
NOT_TESTED_NOTE = (
    "P-values, probabilities to be better, expected scores of the best of n trials and importances are left "
    "out, for they take trials for independent draws. Best trials, best tenths and medians describe this "
    "sweep alone; average ranks take a search as one number, and stay."
)
HYPERBAND_NOTE = (
    " A trial that Hyperband trained again for longer counts once in scores, with its most epochs; one that "
    "it did not has the score of its few."
)


def build(findings: Findings) -> list[Section]:
    """Return the section that answers, first on the page."""
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
    """Return the answer in sentences."""
    if not findings.has_independent_trials:
        return [dependent_trials_sentence(findings), claims_sentence(findings)]
    return [*difference_sentences(findings), *importance_sentences(findings), claims_sentence(findings)]


def dependent_trials_sentence(findings: Findings) -> str:
    """Return why nothing is tested on trials that an oracle chose by the scores of others."""
    return (
        f"The trials were chosen by {ORACLE_NAMES[findings.config.oracle]} from the scores of those before "
        "them, so they are not independent draws: variants are described, and no difference is tested."
    )


def difference_sentences(findings: Findings) -> list[str]:
    """Return which variants differ from the baseline, and on which tasks."""
    baseline, cells = variant_name(findings.baseline), findings.record.cells
    if len(cells) == 1:
        return [f"The only variant of this sweep is {baseline}, so nothing is compared."]
    tested = pd.concat(findings.differences.values()).dropna(subset="p")
    if tested.empty:
        return [f"No trials are here yet that can be compared with {baseline}."]
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
    quiet = [cell for cell in dict.fromkeys(tested["cell"]) if cell not in differ]
    if not sentences:
        return [f"No variant differs significantly from {baseline}, which is no proof that they are equal."]
    if quiet:
        verb = "does" if len(quiet) == 1 else "do"
        sentences.append(f"{join_names(quiet)} {verb} not differ significantly from it.")
    return sentences


def described_variant(cell: str, description: str) -> str:
    """Return a variant with what it is, in a few words, where its description begins with few."""
    words = short_description(description)
    return f"{cell} ({words})" if words.lower() not in ("", cell.lower()) else cell


def importance_sentences(findings: Findings) -> list[str]:
    """Return which hyperparameters of the baseline surely matter more than by chance, and on which tasks."""
    names, titles = list(findings.varied_ranges), findings.record.titles
    shares: dict[str, list[str]] = {}
    without = []
    for task, title in titles.items():
        if (task, findings.baseline) in findings.importances:
            sure = shares_above_chance(findings.importances[task, findings.baseline])
            without += [] if sure else [title]
            for j, share in sure.items():
                shares.setdefault(names[j], []).append(f"{share:.0%} on {title}")
    sentences = [
        f"{hyperparameter_label(name).capitalize()} alone explains {join_names(parts)} of the variance of "
        f"{variant_name(findings.baseline)}’s test scores."
        for name, parts in shares.items()
    ]
    if without:
        sentences.append(f"On {join_names(without)} no hyperparameter alone surely matters.")
    return sentences


def shares_above_chance(importance: Importance) -> dict[int, float]:
    """Return the columns whose share is surely above what chance gives one, and their shares."""
    own = {effect[0]: share for effect, share in importance.shares.items() if len(effect) == 1}
    return {
        j: share
        for j, share in own.items()
        if share - CONFIDENCE_SDS * importance.share_sd[(j,)] > importance.permutation_null[1]
    }


def claims_sentence(findings: Findings) -> str:
    """Return how many of the published claims hold, fail or are undecided."""
    counts = pd.Series([verdict.verdict for verdict in findings.verdicts]).value_counts()
    total = format_count(len(findings.verdicts), "published claim")
    if counts.get("not tested", 0) == len(findings.verdicts):
        return f"None of {total} can be tested on these trials."
    parts = [
        f"{counts[verdict]} {one if counts[verdict] == 1 else several}"
        for verdict, (one, several) in VERDICT_VERBS.items()
        if verdict in counts
    ]
    return f"Of {total}, {join_names(parts)}."


def baseline_text(findings: Findings) -> Text:
    """Return what the baseline is, and how it came to be the baseline."""
    record, baseline = findings.record, findings.baseline
    why = ""
    if baseline != VANILLA:
        why = f"It is the first variant, because {VANILLA} is not in this sweep. "
    if record.config.baseline:
        why = "It is the baseline that was chosen. "
    description = f"{record.cells[baseline].rstrip('.')}. " if record.cells[baseline] else ""
    trials = format_count(record.trials_per_search, "trial")
    drawn = "drawn at random" if record.config.oracle == "random" else "of its own"
    units = {info.unit for info in record.tasks.values()} - {""}
    unit = f" (here in {units.pop()})" if len(units) == 1 else ""
    return Text(
        [
            Strong(f"The baseline is {variant_name(baseline)}."),
            f" {description}{why}Every variant is given {trials} on each task. A trial is one training run "
            f"with hyperparameters {drawn}, and is better than another if its test score{unit} is lower.",
        ]
    )


def effect_figure(findings: Findings, tested: dict[str, pd.DataFrame]) -> Figure:
    """Return the picture of the answer: each variant against the baseline, by task."""
    baseline = variant_name(findings.baseline)
    return Figure(
        "answer",
        figures.effect_plot(tested, findings.record.titles, findings.baseline),
        f"Probability that a trial of a variant is better than one of {baseline}, with intervals, by task.",
        f"How often a trial of a variant is better than a trial of {baseline}, both drawn at random: 1 is "
        "always, 0 never, and 0.5 no difference. Lines are 95 % intervals, each for itself; a difference is "
        "significant, and marked by an asterisk, where it still shows after adjusting for all comparisons.",
        "answer",
    )


def effect_table(findings: Findings, tested: dict[str, pd.DataFrame]) -> Table:
    """Return the numbers of the answer: a variant's probability to be better than the baseline, and p."""
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
        f"The probability that a trial is better than one of {variant_name(findings.baseline)} (with its 95 "
        f"% interval), and p of a permutation test, adjusted by Holm over "
        f"{format_count(count_tests(findings.comparisons), 'comparison')}. An asterisk marks p < .05."
    )
    return Table("answer", caption, frame, [*columns, TableColumn("what it is", "description")])


def caution_sentences(findings: Findings) -> str:
    """Return what the word "significant" means here, or what is left out where nothing can be tested."""
    text = NOT_TESTED_NOTE
    if findings.has_independent_trials:
        text = "" if findings.comparisons.empty else significance_definition(findings)
    if findings.config.oracle == "hyperband":
        text += HYPERBAND_NOTE
    searches = pd.concat(findings.summaries.values()).query("trials > 0")["trials"]
    if searches.min() < searches.max():
        counts = f"{searches.min():,} to {format_count(searches.max(), 'trial')}"
        text += f" Variants have {counts} so far, those that end early first, and more find a better best."
    return text.strip()


def significance_definition(findings: Findings) -> str:
    """Return what the word "significant" means here."""
    return (
        f"Significant is what a permutation test of all trials says at p < .05, adjusted by Holm over the "
        f"{format_count(count_tests(findings.comparisons), 'comparison')} of this page and its claims: all "
        "of them together claim a difference that is not there in at most 5 % of sweeps. It is about a trial "
        "drawn at random, not about the best one a search finds."
    )


def _probability_text(*keys: str) -> Callable[[dict], str]:
    return lambda row: format_probability(row, *keys)


def _task_phrase(tasks: tuple[str, ...], titles: dict[str, str]) -> str:
    if len(tasks) == len(titles) > 1:
        return "every task"
    return join_names(titles[task] for task in tasks)

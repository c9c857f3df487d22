"""What the README and the guide say agrees with the code, the results and the files they are about."""

import dataclasses
import json
import re
import typing
from pathlib import Path

import pytest

import tasks
from suite import cli, config, database, options, setting_checks, space, task_check, variants
from suite.bench.table import milliseconds
from suite.task import Task

ROOT = Path(__file__).parents[1]
README, GUIDE = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "GUIDE.md"))


def slugs(text):
    """Return the anchors of a text's headings, as forges make them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


TEXTS = ["README.md", "GUIDE.md", "CONTRIBUTING.md", "SECURITY.md", "results/README.md", "reports/README.md"]


@pytest.mark.parametrize("name", TEXTS)
def test_every_file_and_heading_that_a_text_names_is_there(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    files = [ROOT / file for file in re.findall(r"`((?:suite|tasks|tests)/[\w/.]+)`", text)]
    for file, anchor in re.findall(r"\]\(([\w/.-]*)(?:#([\w-]+))?\)", text):
        files.append((ROOT / name).parent / file if file else ROOT / name)
        if anchor:
            assert anchor in slugs(files[-1].read_text(encoding="utf-8"))
    assert not [file for file in files if not file.exists()]


def table_rows(first_heading):
    """Return the rows of all tables of the guide whose first column has this heading, lists of text."""
    tables = re.findall(rf"^\| {first_heading} \|.*\n\| ?-.*\n((?:\|.*\n)+)", GUIDE, re.M)
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for t in tables for row in t.splitlines()]


def names(texts):
    """Return what stands in backticks in texts."""
    return [name for text in texts for name in re.findall(r"`([^`]+)`", text)]


def test_the_guide_lists_every_command():
    listed = set(re.findall(r"^odyssey (\w+)", GUIDE, re.M))
    present = {command.name or command.callback.__name__ for command in cli.app.registered_commands}
    assert present <= listed


def test_the_guide_lists_every_field_and_loss_of_a_task():
    assert names(row[0] for row in table_rows("field")) == [f.name for f in dataclasses.fields(Task)]
    losses = {
        loss.strip('`"'): metrics
        for loss, metrics, *_ in table_rows("loss")[: len(task_check.METRICS_BY_LOSS)]
    }
    losses = {loss: tuple(name.strip('"') for name in names([cell])) for loss, cell in losses.items()}
    assert losses == task_check.METRICS_BY_LOSS


def test_the_guide_lists_every_column_of_the_store_with_its_type():
    listed = [(name, row[1]) for row in table_rows("column") for name in names([row[0]])]
    columns = [(name, kind.split()[0]) for name, kind in database.TRIAL_COLUMNS.items()]
    assert listed[: len(columns)] == columns
    curves = re.search(r"TABLE IF NOT EXISTS curves \((.*?), PRIMARY", database.SCHEMA, re.S)[1]
    assert listed[len(columns) :] == [tuple(column.split()[:2]) for column in curves.split(",")]


def test_the_guide_lists_every_setting_and_range_with_its_default():
    listed = {row[0].strip("`").partition(".")[0] for row in table_rows("in a file")}
    assert listed == setting_checks.SETTING_CHECKS.keys() - {"about"}
    default = config.SweepConfig("default")
    values = dataclasses.asdict(default) | dataclasses.asdict(default.protocol)
    for setting, _, scores_told, _ in table_rows("in a file"):
        if scores_told.startswith("`") or scores_told.isdigit():
            assert scores_told.strip("`") == str(values.get(setting.strip("`")) or "lstm")
    ranges = {row[0].strip("`"): row[1] for row in table_rows("hyperparameter")}
    assert ranges.keys() == space.PAPER_SPACE.keys() | space.OPTIONAL_RANGES.keys()
    for name, drawn in space.PAPER_SPACE.items():
        assert tuple(map(float, ranges[name].split(":"))) == (drawn.low, drawn.high)


def test_the_guide_lists_every_option_with_its_values_and_default():
    functions = {"every cell": variants.recurrent_layers}
    functions |= {f"`{name}`": variants.options_function(name)[1] for name in variants.BUILTIN_BASELINES}
    functions |= {f"`{name}`": tasks.task_function(name) for name in tasks.TASKS}
    present = [
        [owner, f"`{key}`", option_values(option.annotation), options.value_text(option.default) or "none"]
        for owner, function in functions.items()
        for key, option in options.find_options("", "", function).items()
    ]
    assert [
        [*row[:2], *(text.replace("`", "") for text in row[2:4])] for row in table_rows("options of")
    ] == present


def test_the_guide_lists_every_task_with_its_steps_answers_score_and_data():
    listed = {row[0].strip("`"): row[2:] for row in table_rows("name")}
    assert list(listed) == list(tasks.TASKS)
    for name, (step, answer, given, unit, data) in listed.items():
        task, function = tasks.find_task(name), tasks.task_function(name)
        assert {"at every step": "every step", "after the last step": "last step"}.get(given, given) == (
            task.answers
        )
        assert unit == task.unit
        assert (data == "generated") == ("sequences" in options.find_options("", "", function))
        if name != "table":  # which has those of its file
            outputs = task.outputs - (task.loss == "ctc")  # without the blank
            answer, step = (re.findall(r"\d+(?= )", text.replace(",", "")) for text in (answer, step))
            assert answer[-1] == str(outputs)
            assert step[-1:] == [str(task.features)] * (task.inputs != "none")


def test_the_guide_lists_every_preset():
    assert {name for row in table_rows("preset") for name in names([row[0]])} == set(config.preset_names())


def option_values(annotation):
    """Return the values that an option takes as the guide writes them: 1 to 16; forward, both."""
    details = typing.get_args(annotation)
    if details[:1] == (str,):
        return "a name"
    if typing.get_origin(annotation) is typing.Annotated:
        return f"{details[1].low} to {details[1].high}"
    return ", ".join(map(options.value_text, options.option_choices(annotation)))


def table_numbers(text):
    """Return the rows of the tables in a text: the first cell, without marks, with the numbers behind it."""
    rows = [
        [cell.strip("*` ") for cell in line.split("|")[1:-1]] for line in text.splitlines() if "|" in line
    ]
    return {row[0]: [cell for cell in row[1:] if re.fullmatch(r"[\d.]+", cell)] for row in rows if row}


def test_the_times_in_the_texts_are_those_of_the_benchmark():
    """The README has of each engine the three columns of 100 units, the guide all nine."""
    bench = ROOT / "results" / "bench"
    measured = table_numbers((bench / "timings.md").read_text(encoding="utf-8"))
    guide, readme = (
        table_numbers(GUIDE),
        table_numbers(README.replace("`fit`", "fit")),
    )
    engines = [name for name in measured if "," in name or name.startswith("torch")]
    assert len([name for name in engines if name in readme]) == 5
    for name in engines:
        assert guide[name] == measured[name]
        assert readme.get(name, measured[name][1::3]) == measured[name][1::3]
    cells = table_numbers((bench / "cells" / "timings.md").read_text(encoding="utf-8"))
    cells = {name.rpartition(", ")[2]: times for name, times in cells.items() if "odyssey" in name}
    cells["np"] = cells.pop("TensorFlow")
    heading = re.search(r"\| rnn \|.*", GUIDE)[0].strip("| ").split(" | ")
    for row, batch in enumerate(("B1", "B8", "B32")):
        assert guide[batch] == [cells[name][row] for name in heading]


def test_the_times_of_a_gpu_in_the_texts_are_those_of_the_benchmark():
    timings = json.loads((ROOT / "results" / "bench" / "h100" / "timings.json").read_text())["timings"]
    guide = table_numbers(GUIDE)
    for work in ("B1 N32", "B1 N100", "B1 N200", "B32 N32", "B32 N100", "B32 N200"):
        own, keras, torch = (
            timing for timing in timings if work == "B{batch} N{units}".format_map(timing["work"])
        )
        times = [milliseconds(timing["median"]) for timing in (own, keras, torch)]
        assert guide[work] == [times[0], str(own["lanes"]), *times[1:]]
    for number in (*guide["B1 N100"][:2], guide["B1 N100"][3], guide["B32 N100"][0], guide["B32 N100"][3]):
        assert f" {number} " in README.replace("\n", " ")
    [lanes] = re.findall("^lanes .*  (1: .*)$", (ROOT / "results/bench/h100/scaling.txt").read_text(), re.M)
    seconds = [float(pair.partition(": ")[2]) for pair in lanes.split("  ")]
    assert [f"{1000 * s:g}" for s in seconds] == guide["milliseconds for one epoch of one trial"][-6:]

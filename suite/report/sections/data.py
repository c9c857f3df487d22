"""The section on the tasks of the sweep and their data."""

from dataclasses import asdict

import pandas as pd

from suite.analysis.findings import Findings
from suite.analysis.published_results import IAM_TASK, JSB_TASK, TIMIT_TASK
from suite.config import SweepRecord
from suite.report.formatting import join_names
from suite.report.parts import Section, Table, TableColumn, Text

PAPER_TASKS = (TIMIT_TASK, IAM_TASK, JSB_TASK)


def build(findings: Findings) -> list[Section]:
    """Return the section on the tasks and their data."""
    record = findings.record
    return [Section("data", "The data", [Text(data_sentences(record)), data_table(record)])]


def data_sentences(record: SweepRecord) -> str:
    """Return sentences on which tasks use the paper's data, with a warning about the others."""
    titles = record.titles
    paper_tasks = [titles[task] for task in titles if task in PAPER_TASKS]
    other_tasks = [titles[task] for task in titles if task not in PAPER_TASKS]
    sentences = []
    if paper_tasks:
        sentences.append(
            f"On {join_names(paper_tasks)} the data are those of Greff et al. This page shows their results, "
            "from random search, beside ours."
        )
    if other_tasks:
        sentences.append(
            f"On {join_names(other_tasks)} the data are not those of Greff et al.: variants can be compared "
            "with each other, but scores cannot be compared with those of the paper. The claims of the paper "
            "about all tasks are tested on these tasks instead."
        )
    return " ".join(sentences)


def data_table(record: SweepRecord) -> Table:
    """Return a table of the tasks, with the sizes, units and sources of their data."""
    keys = ["task", "title", "train", "valid", "test", "steps", "unit", "source"]
    frame = pd.DataFrame([{"task": task} | asdict(record.tasks[task]) for task in record.config.tasks])[keys]
    headings = {"title": "task", "train": "train", "valid": "valid", "test": "test"}
    headings |= {"steps": "steps in train", "unit": "score in", "source": "source"}
    columns = [TableColumn(heading, key) for key, heading in headings.items()]
    return Table("data", "The tasks, with the number of sequences in each split.", frame, columns)

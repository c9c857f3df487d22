"""How the settings, software and hardware of sweeps differ."""

from collections.abc import Mapping

import pandas as pd

from suite.analysis.sweep_comparison import ComparisonFindings
from suite.config import SweepRecord
from suite.report.formatting import NO_VALUE
from suite.report.parts import Section, Table, TableColumn
from suite.report.sections.protocol import protocol_settings, space_settings

TASK_DATA_KEYS = ("train", "valid", "test", "steps", "unit")  # scores of a task depend on these


def build(findings: ComparisonFindings) -> list[Section]:
    """Return a section on the settings, and one on the software and hardware, of the sweeps."""
    return [
        Section("questions", "Questions", [config_table(findings.records)]),
        Section("provenance", "Provenance", [sweep_provenance_table(findings.rows)]),
    ]


def config_table(records: Mapping[str, SweepRecord]) -> Table:
    """Return a table of the settings, the space and the data of each sweep, by label."""
    settings = {label: _config_settings(record) for label, record in records.items()}
    return _side_by_side_table(
        "questions", "setting", "The settings, space and data of each sweep.", settings
    )


def sweep_provenance_table(rows_by_label: Mapping[str, pd.DataFrame]) -> Table:
    """Return the software and hardware of the trials of each sweep, by label."""
    settings = {label: _provenance_settings(rows) for label, rows in rows_by_label.items()}
    return _side_by_side_table("provenance", "maker", "The software and hardware of the trials.", settings)


def differing_settings(table: Table) -> list[str]:
    """Return the settings of `config_table` or `sweep_provenance_table` in which sweeps differ."""
    return table.frame.loc[table.frame["differs"] == "yes", "setting"].tolist()


def _config_settings(record: SweepRecord) -> dict[str, str]:
    settings = {name: str(value) for name, value in protocol_settings(record).items()}
    settings |= space_settings(record.config)
    for task in record.config.tasks:
        info = record.tasks[task]
        sizes = ", ".join(f"{key} {getattr(info, key)}" for key in TASK_DATA_KEYS)
        settings[f"data of {info.title}"] = sizes
    return settings


def _provenance_settings(rows: pd.DataFrame) -> dict[str, str]:
    columns = {"device": "device", "backend": "backend", "commit": "git_commit"}
    values: dict[str, set] = {key: set(rows[column].dropna()) for key, column in columns.items()}
    if suite := {code["suite"] for code in rows.get("code", []) if code}:
        values["code"] = suite
    for text in rows["versions"].unique():
        for part in filter(None, text.split(", ")):
            package, _, version = part.rpartition(" ")
            values.setdefault(package, set()).add(version)
    return {key: ", ".join(sorted(texts)) for key, texts in values.items()}


def _side_by_side_table(
    name: str, heading: str, caption: str, settings_by_label: Mapping[str, Mapping[str, str]]
) -> Table:
    """Return a table with a line per setting, a column per sweep, and whether the sweeps differ."""
    keys = list(dict.fromkeys(key for settings in settings_by_label.values() for key in settings))
    frame = pd.DataFrame({"setting": keys})
    for label, settings in settings_by_label.items():
        frame[f"in {label}"] = [settings.get(key) or NO_VALUE for key in keys]
    values = {key: {settings.get(key) for settings in settings_by_label.values()} for key in keys}
    frame["differs"] = ["yes" if len(values[key]) > 1 else "" for key in keys]
    columns = [TableColumn(heading, "setting"), TableColumn("differs", "differs")]
    columns += [TableColumn(label, f"in {label}") for label in settings_by_label]
    return Table(name, caption, frame, columns)

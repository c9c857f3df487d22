"""The settings of `odyssey sweep` and checks of its results folder: growing a sweep, changed code."""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from suite import Refusal, growth, options, store
from suite.config import Protocol, SweepConfig, config_from_table, load_preset, preset_names


def folder_settings(folder: Path) -> dict:
    """Return the settings of the sweep in a results folder, with defaults for those it lacks."""
    return asdict(Protocol()) | store.read_config(folder)


def is_results_folder(folder: Path) -> bool:
    """Whether a folder holds a sweep."""
    return (folder / "sweep.toml").exists()


def save_settings(folder: Path, table: dict) -> None:
    """Create a results folder, or grow the sweep there (`store.create_results_folder`)."""
    store.create_results_folder(folder, table, asdict(Protocol()))


def base_config(preset: str | None, results: Path | None, named: bool) -> SweepConfig:
    """Return the settings that options change: a preset's, the results folder's, or the paper's."""
    if preset:
        refuse_task(preset)
        return load_preset(preset)
    if results and is_results_folder(results):
        return config_from_table(folder_settings(results))
    if not named:
        raise Refusal(
            f"expected a preset ({', '.join(preset_names())}; see odyssey list presets), tasks and cells "
            "(--task, --cell), or the folder of a sweep (--results); name one"
        )
    return SweepConfig("custom")


def refuse_task(preset: str) -> None:
    """Refuse the name of a task where a preset is expected, unless a preset has this name too."""
    import tasks

    if preset not in preset_names() and options.base_name(preset) in tasks.TASKS:
        raise Refusal(f"{preset} is a task, not a preset: odyssey sweep --task {preset} --cell ...")


def config_with_folder(config: SweepConfig, folder: Path, requested_trials: int | None) -> SweepConfig:
    """Return `config` with the tasks, cells and trials of the sweep in a folder; refuse what cannot be grown.

    A sweep never shrinks: `requested_trials` (`--trials`) must be at least the trials of the sweep in the
    folder.
    """
    if not is_results_folder(folder):
        return config
    current = folder_settings(folder)
    grown = config_from_table(growth.grown_config(folder, current, config.to_table()))
    if requested_trials is not None and requested_trials < grown.trials:
        raise Refusal(
            f"--trials {requested_trials}: {folder} holds a sweep of {grown.trials} trials per search, and a "
            "sweep cannot shrink; leave out --trials to continue, or name another folder with --results"
        )
    return grown


def missing_trials(config: SweepConfig, folder: Path, retry_failed: bool) -> dict[tuple[str, str], int]:
    """Return how many trials of each search, by task and cell, are still to be trained."""
    searches = [(task, cell) for task in config.tasks for cell in config.cells]
    missing = dict.fromkeys(searches, config.trials_per_search)
    if is_results_folder(folder):
        rows = store.load(folder)
        kept_rows = rows[rows["status"] != "failed"] if retry_failed else rows
        counts = kept_rows.groupby(["task", "cell"]).size().to_dict()
        missing = {search: trials - counts.get(search, 0) for search, trials in missing.items()}
    return missing


def folder_summary(folder: Path, config: SweepConfig, missing: dict[tuple[str, str], int]) -> str:
    """Return one line on what a sweep adds to its results folder: cells, tasks, trials."""
    current = folder_settings(folder)
    added = growth.added_settings(current, config.to_table())
    parts = [
        f"{counted(len(added[key]), key[:-1])} ({', '.join(added[key])})"
        for key in ("tasks", "cells")
        if key in added
    ]
    if "trials" in added:
        parts.append(f"{counted(added['trials'] - current['trials'], 'trial')} per search")
    grows = f"grows by {' and '.join(parts)}, " if parts else ""
    to_train = sum(missing.values())
    kept_trials = config.trials_per_search * len(missing) - to_train
    return f"{folder}: {grows}{counted(to_train, 'trial')} to train, {kept_trials:,} kept"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is one."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


@contextlib.contextmanager
def created_folder(folder: Path, table: dict) -> Iterator[None]:
    """Create the results folder of a new sweep; remove it again if the sweep cannot start."""
    existed = folder.exists()
    if not is_results_folder(folder):
        save_settings(folder, table)
    try:
        yield
    except BaseException:
        if not existed and not (folder / "trials.sqlite").exists():
            shutil.rmtree(folder)
        raise


def refuse_changed_code(folder: Path, codes: dict, retry_failed: bool) -> None:
    """Refuse to continue if code or data have changed since rows were made, unless these are redone."""
    from suite import identity

    rows = store.load(folder)[["task", "cell", "status", "code"]].to_dict("records")
    rows = [row for row in rows if not (retry_failed and row["status"] == "failed")]
    if changed := identity.changed_parts(rows, codes):
        parts = " and ".join(f"{part} changed (trials from before: {n})" for part, n in changed.items())
        raise Refusal(
            f"{folder}: {parts}; name another folder with --results, or keep these trials and continue with "
            "--keep-rows"
        )


def reset_failed_trials(config: SweepConfig, folder: Path) -> None:
    """Delete the rows of failed trials, so that these are run again."""
    if config.oracle != "random":
        raise Refusal(f"--retry-failed: a {config.oracle} search has already used the failed trials")
    with contextlib.closing(store.Store(folder)) as trial_store:
        trial_store.collect()
        # first, as a file that a kill has left would bring its row back
        trial_store.remove_row_files(trial_store.collected_files)
        print(f"failed trials that will run again: {trial_store.delete_failed_rows()}")

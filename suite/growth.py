"""Growing a sweep: add cells, tasks or trials to the settings of a results folder.

Seeds and draws of random search follow from names and numbers of trials, so the rows that a grown sweep adds
are those that a sweep with all its cells, tasks and trials from the start would have.
"""

from pathlib import Path

from suite import Refusal
from suite.space import OPTIONAL_RANGES, PAPER_SPACE

GROWING = {"tasks", "cells", "trials", "variant_spaces"}  # settings that may grow
DESCRIPTIVE = {"name", "title", "about", "baseline"}  # settings that no row depends on


def grown_config(folder: Path, current: dict, config: dict) -> dict:
    """Return the settings of the sweep in a folder, `current`, with the tasks, cells and trials of `config`.

    Tasks and cells are the current ones and then the new ones, trials the larger number, "about" describes
    all of them, the title stays, and the baseline is that of `config` if it names one. Refuses other
    differences, and additions to a sweep whose oracle is not random search.
    """
    current, config = without_empty_tables(current), without_empty_tables(config)
    identifying = [key for key in {**current, **config} if key not in GROWING | DESCRIPTIVE]
    differing = [key for key in identifying if in_order(current.get(key)) != in_order(config.get(key))]
    differing += differing_spaces(current, config)
    if differing:
        raise Refusal(
            f"{folder} holds another sweep, which differs in {', '.join(differing)}; name another folder "
            "with --results, or remove this one: a sweep can only gain cells, tasks and trials"
        )
    added = added_settings(current, config)
    if added and current.get("oracle", "random") != "random":
        raise Refusal(
            f"{folder} holds a sweep with the oracle {current['oracle']}, which cannot gain "
            f"{' and '.join(added)}: only a random search can; name another folder with --results"
        )
    names = {key: [*current.get(key, []), *added.get(key, [])] for key in ("tasks", "cells")}
    grown = config | current | names
    if spaces := config.get("variant_spaces", {}) | current.get("variant_spaces", {}):
        grown["variant_spaces"] = spaces
    if config.get("baseline"):
        grown["baseline"] = config["baseline"]
    about = current.get("about", {}) | config.get("about", {})
    for key in ("tasks", "cells"):
        about |= {key: {**current.get("about", {}).get(key, {}), **about.get(key, {})}}
    if "trials" in added:
        grown["trials"] = about["trials_a_search"] = added["trials"]
    return grown | {"about": about}


def in_order(setting: object) -> object:
    """Return a setting so that two are equal only in the same order: of rules, the last match counts."""
    return list(setting.items()) if isinstance(setting, dict) else setting


def without_empty_tables(settings: dict) -> dict:
    """Return settings without the empty tables, which mean the same as no table."""
    return {key: value for key, value in settings.items() if value != {}}


def differing_spaces(current: dict, config: dict) -> list[str]:
    """Return, as in "variant_spaces.gru.units", the ranges of single variants that differ in two settings.

    Ranges that a cell declares for itself are in `current` only, until the cell is imported.
    """
    shared = [variant for variant in config.get("cells", []) if variant in current.get("cells", [])]
    differing = []
    for variant in shared:
        old, new = (table.get("variant_spaces", {}).get(variant, {}) for table in (current, config))
        names = [name for name in {**old, **new} if name in new or name in {**PAPER_SPACE, **OPTIONAL_RANGES}]
        differing += [f"variant_spaces.{variant}.{name}" for name in names if old.get(name) != new.get(name)]
    return differing


def added_settings(current: dict, config: dict) -> dict:
    """Return what `config` adds to the settings `current`: new "tasks", new "cells", a larger "trials"."""
    added = {
        key: [name for name in config.get(key, []) if name not in current.get(key, [])]
        for key in ("tasks", "cells")
    }
    if config.get("trials", 0) > current.get("trials", 0):
        added["trials"] = config["trials"]
    return {key: value for key, value in added.items() if value}

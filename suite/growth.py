"""Growing a sweep: add cells, tasks or trials to the settings of a results folder.

Seeds and draws of random search follow from names and numbers of trials, so the rows that a grown sweep adds
are those that a sweep with all its cells, tasks and trials from the start would have.
"""

from pathlib import Path

from suite import Refusal

GROWING = {"tasks", "cells", "trials"}  # settings that may grow
DESCRIPTIVE = {"name", "title", "about", "baseline"}  # settings that no row depends on


def grown_config(folder: Path, current: dict, config: dict) -> dict:
    """Return the settings of the sweep in a folder, `current`, with the tasks, cells and trials of `config`.

    Tasks and cells are the current ones and then the new ones, trials the larger number, "about" describes
    all of them, the title stays, and the baseline is that of `config` if it names one. Refuses other
    differences, and additions to a sweep whose oracle is not random search.
    """
    identifying = [key for key in {**current, **config} if key not in GROWING | DESCRIPTIVE]
    differing = [key for key in identifying if current.get(key) != config.get(key)]
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
    if config.get("baseline"):
        grown["baseline"] = config["baseline"]
    about = current.get("about", {}) | config.get("about", {})
    for key in ("tasks", "cells"):
        about |= {key: {**current.get("about", {}).get(key, {}), **about.get(key, {})}}
    if "trials" in added:
        grown["trials"] = about["trials_a_search"] = added["trials"]
    return grown | {"about": about}


def added_settings(current: dict, config: dict) -> dict:
    """Return what `config` adds to the settings `current`: new "tasks", new "cells", a larger "trials"."""
    added = {
        key: [name for name in config.get(key, []) if name not in current.get(key, [])]
        for key in ("tasks", "cells")
    }
    if config.get("trials", 0) > current.get("trials", 0):
        added["trials"] = config["trials"]
    return {key: value for key, value in added.items() if value}

"""The smallest data of every task, for tests that train."""

import tasks
from suite import options

# of those that a task has
TINY_OPTIONS = {"size": "tiny", "sequences": "10", "length": "10", "pairs": "2", "delay": "5"}


def tiny_name(name):
    """Return the name of a task with the options that make it small."""
    known = options.find_options("task", name, tasks.task_function(name))
    chosen = ",".join(f"{key}={value}" for key, value in TINY_OPTIONS.items() if key in known)
    return f"{name}@{chosen}" if chosen else name

"""The smallest data of every task, for tests that train."""

import typing

import tasks
from suite import options

# of those that a task has, or their least value if that is larger
TINY_OPTIONS = {"size": "tiny", "sequences": 10, "length": 10, "pairs": 2, "delay": 5}


def tiny_name(name):
    """Return the name of a task with the options that make it small."""
    known = options.find_options("task", name, tasks.task_function(name))
    chosen = [f"{key}={least(value, known[key])}" for key, value in TINY_OPTIONS.items() if key in known]
    return f"{name}@{','.join(chosen)}" if chosen else name


def least(value, option):
    """Return a value of an option, or the least one that it takes."""
    if isinstance(value, str):
        return value
    _, between = typing.get_args(option.annotation)
    return max(value, between.low)

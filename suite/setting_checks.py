"""Checks of the settings of a preset, each alone: its type, and the values that it may have."""

import math
from collections.abc import Callable, Sequence

from suite import Refusal, registry
from suite.initial_weights import parse_rule

ORACLE_CHOICES = ("random", "bayesian", "hyperband")
# the optimisers of training.optimiser, listed here so that Keras is not imported
OPTIMISER_CHOICES = ("nesterov", "sgd", "rmsprop", "adam")


def expect_text(key: str, value: object) -> None:
    """Refuse a setting that is not text."""
    if not isinstance(value, str):
        raise Refusal(f"{key}: expected text, got {value!r}")


def expect_integer(minimum: float = -math.inf) -> Callable[[str, object], None]:
    """Return a check that refuses a setting that is not a whole number, or is below the minimum."""

    def expect(key: str, value: object) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            raise Refusal(f"{key}: expected a whole number, got {value!r}")
        if value < minimum:
            raise Refusal(f"{key}: expected at least {minimum}, got {value}")

    return expect


def expect_one_of(choices: Sequence[str]) -> Callable[[str, object], None]:
    """Return a check that refuses a setting that is not one of the choices."""

    def expect(key: str, value: object) -> None:
        expect_text(key, value)
        if value not in choices:
            raise registry.unknown_name_error(key, str(value), choices)

    return expect


def expect_names(key: str, value: object) -> None:
    """Refuse a setting that is not a list of distinct names."""
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise Refusal(f"{key}: expected a list of names, got {value!r}")
    if len(set(value)) < len(value):
        raise Refusal(f"{key}: expected distinct names, got {', '.join(value)}")


def expect_table(key: str, value: object) -> None:
    """Refuse a setting that is not a table."""
    if not isinstance(value, dict):
        raise Refusal(f"{key}: expected a table, got {value!r}")


def expect_rules(key: str, value: object) -> None:
    """Refuse a setting that is not a table of rules of initial weights by patterns of names."""
    expect_table(key, value)
    assert isinstance(value, dict)
    for pattern, rule in value.items():
        expect_text(f"{key}, {pattern!r}", rule)
        parse_rule(rule)


SETTING_CHECKS: dict[str, Callable[[str, object], None]] = {  # the settings of a preset, and their checks
    "name": expect_text,
    "title": expect_text,
    "seed": expect_integer(),
    "tasks": expect_names,
    "cells": expect_names,
    "baseline": expect_text,  # one of the cells: `SweepConfig.validate`
    "trials": expect_integer(minimum=1),
    "oracle": expect_one_of(ORACLE_CHOICES),
    "epochs": expect_integer(minimum=1),
    "patience": expect_integer(minimum=1),
    "batch": expect_integer(minimum=1),
    "optimiser": expect_one_of(OPTIMISER_CHOICES),
    "initial_weights": expect_rules,
    "space": expect_table,  # of ranges: `suite.space.parse_range_bounds`
    "variant_spaces": expect_table,  # of tables of ranges and choices, by variant
    "about": expect_table,  # of a sweep.toml: descriptions of its tasks and cells, ignored here
}

"""Check that a task can be trained: its fields, and every sequence that its `load` returns.

The rules are yielded one by one (`field_rules`, `array_rules`). The first violation is refused in one line
that names the task, the split, the sequence, what was expected and what was given.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from suite import Refusal, registry
from suite.task import NO_LABEL, SPLITS, Split, Task

METRICS_BY_LOSS = {  # the metrics that are defined for the targets of each loss
    "bernoulli": ("nats", "error", "1 - auc"),
    "categorical": ("nats", "bits", "perplexity", "error"),
    "squared": ("squared", "rmse"),
    "ctc": ("label error", "nats"),
}
ALIGNED_ANSWERS = ("every step", "last step")
INPUTS = ("numbers", "symbols", "none")
DIRECTIONS = ("forward", "both")
LONGER_TEST_NAME = re.compile(r"test_[A-Za-z0-9_]+")  # of a further split, which is a column of the rows
FLOAT32_MAX = float(np.finfo(np.float32).max)  # sequences are trained in float32

# takes an array and the number of steps of its sequence; returns what is wrong, None if nothing is
ArrayRule = Callable[[Any, int], object]


def load_checked_splits(name: str, task: Task, folder: Path | None = None) -> Mapping[str, Split]:
    """Return the three splits of a task; refuse a task or data that could not be trained on.

    `name` is what the user calls the task, `folder` the user's folder of data files, as in `Task.load`.
    """
    check_task(name, task)
    try:
        splits = task.load(folder)
    except Refusal:
        raise
    except (Exception, SystemExit) as error:
        raise Refusal(f"task {name}: its load raised {registry.describe_error(error)}") from error
    check_splits(name, task, splits)
    return splits


def check_task(name: str, task: object) -> None:
    """Refuse an object that is not a task, or that has an invalid field."""
    if not isinstance(task, Task):
        raise Refusal(f"task {name}: expected a suite.task.Task, got {type(task).__name__}")
    for field, expected, holds in field_rules(task):
        if not holds(value := getattr(task, field)):
            got = " ".join(repr(value).split())
            raise Refusal(f"task {name}: expected {field} to be {expected}, got {got}")


def field_rules(task: Task) -> Iterator[tuple[str, str, Callable[[Any], bool]]]:
    """Yield (field, text on its legal values, function that tests a value) for the fields of a task."""
    for field in ("name", "title", "unit", "source"):
        yield field, "text", lambda value: isinstance(value, str)
    yield "load", "a function of the data folder", callable
    for field in ("features", "outputs"):
        yield field, "a whole number of at least 1", is_positive_integer
    yield "loss", format_choice(METRICS_BY_LOSS), tuple(METRICS_BY_LOSS).__contains__
    yield (
        "metric",
        f"{format_choice(METRICS_BY_LOSS[task.loss])} for the loss {task.loss}",
        METRICS_BY_LOSS[task.loss].__contains__,
    )
    answers = ("unaligned",) if task.loss == "ctc" else ALIGNED_ANSWERS
    yield "answers", f"{format_choice(answers)} for the loss {task.loss}", answers.__contains__
    if task.loss == "ctc":
        yield "outputs", "a symbol and the blank at least, so 2 or more", lambda outputs: outputs >= 2
    yield "inputs", format_choice(INPUTS), INPUTS.__contains__
    if task.inputs == "none":
        yield "features", "1 for a network without inputs", equals(1)
    yield "direction", format_choice(DIRECTIONS), DIRECTIONS.__contains__
    if task.segment or task.steps_ahead:
        yield "direction", "'forward', as the sequences are read step by step", equals("forward")
    for field in ("segment", "steps_ahead"):
        yield field, "a whole number of at least 0", lambda value: value == 0 or is_positive_integer(value)
    if task.segment:
        yield "answers", "'every step' for a stream (segment is not 0)", equals("every step")
    if task.steps_ahead:
        yield "loss", "'squared', as the network reads its own predictions (steps_ahead)", equals("squared")
        yield "inputs", "'numbers', as the network reads its own predictions", equals("numbers")
        yield "answers", "'every step', as the network reads its own predictions", equals("every step")
        yield "segment", "0, as predictions ahead are for sequences (steps_ahead)", equals(0)
        yield (
            "outputs",
            f"as many as the features, {task.features}, as the network reads its own predictions",
            equals(task.features),
        )
    if task.trivial is not None:
        yield "trivial", "a finite number or None", is_finite_number
    if task.success_tolerance is not None:
        if task.loss == "squared":
            expected, holds = "a number of at least 0 or None", lambda value: value >= 0
        else:
            expected, holds = f"0 or None for the loss {task.loss}", equals(0)
        yield "success_tolerance", expected, lambda value: is_finite_number(value) and holds(value)
        yield "segment", "0, as sequences of a stream are not counted (success_tolerance)", equals(0)
    if task.class_weights is not None:
        yield "loss", "'categorical', as there are class_weights", equals("categorical")
        yield (
            "class_weights",
            f"None or a tuple of {task.outputs} positive numbers, finite in float32, one for each class",
            lambda weights: are_class_weights(weights, task.outputs),
        )


def check_splits(name: str, task: Task, splits: object) -> None:
    """Refuse splits that are not as `suite.task.Split` describes, or that hold invalid values."""
    if not isinstance(splits, Mapping):
        kind = type(splits).__name__
        raise Refusal(f"task {name}: expected load to return a mapping of {', '.join(SPLITS)}, got {kind}")
    further = [split for split in splits if split not in SPLITS]
    if not set(SPLITS) <= set(splits) or not all(LONGER_TEST_NAME.fullmatch(str(name)) for name in further):
        got = ", ".join(map(str, splits)) or "none"
        raise Refusal(
            f"task {name}: expected the splits {', '.join(SPLITS)}, and perhaps some whose names are "
            f"test_ and letters, digits or _, got {got}"
        )
    if further and task.segment:
        raise Refusal(f"task {name}: expected one test of streams (segment), got also {', '.join(further)}")
    rules = tuple(array_rules(task))
    for split in splits:
        if fault := list_fault(splits[split]):
            raise Refusal(f"task {name}, split {split}: expected {fault}")
        for k, pair in enumerate(zip(splits[split].inputs, splits[split].targets, strict=True)):
            arrays = dict(zip(("inputs", "targets"), pair, strict=True))
            for array, expected, find_fault in rules:
                if (problem := find_fault(arrays[array], sequence_length(arrays["inputs"]))) is not None:
                    raise Refusal(
                        f"task {name}, split {split}, sequence {k} (the first is 0): "
                        f"expected {array} {expected}, got {problem}"
                    )
        if task.metric == "1 - auc" and split != "train":
            targets = np.concatenate(list(splits[split].targets))
            if len(constant := np.flatnonzero((targets == targets[0]).all(axis=0))):
                raise Refusal(
                    f"task {name}, split {split}: expected targets 0 and 1 of every output, for the metric "
                    f"1 - auc, got {targets[0, constant[0]]} alone of output {constant[0]} (the first is 0)"
                )


def list_fault(split: object) -> str | None:
    """Return what was expected of a split and what was given; None if it holds two lists of equal length."""
    if not isinstance(split, Split):
        return f"a suite.task.Split, got {type(split).__name__}"
    for name in ("inputs", "targets"):
        arrays = getattr(split, name)
        if not (isinstance(arrays, Sequence) or (isinstance(arrays, np.ndarray) and arrays.ndim)):
            return f"{name} to be a list of arrays, one for each sequence, got {type(arrays).__name__}"
    if len(split.inputs) != len(split.targets):
        return f"as many targets as inputs, got {len(split.inputs)} inputs and {len(split.targets)} targets"
    return None if len(split.inputs) else "at least one sequence, got none"


def array_rules(task: Task) -> Iterator[tuple[str, str, ArrayRule]]:
    """Yield (array of a sequence, description of legal values, rule that finds the fault), in order.

    Each rule assumes that those before it hold.
    """
    for rule in input_rules(task):
        yield "inputs", *rule
    if task.steps_ahead:
        expected = f"of at least {task.steps_ahead} steps, to predict that many ahead"
        yield "inputs", expected, lambda x, steps: None if steps >= task.steps_ahead else steps
    for rule in unaligned_target_rules(task) if task.answers == "unaligned" else target_rules(task):
        yield "targets", *rule


def input_rules(task: Task) -> Iterator[tuple[str, ArrayRule]]:
    """Yield (description of legal values, rule) for the inputs of a sequence."""
    if task.inputs == "none":
        yield "as a NumPy array of zeros of shape (steps, 1)", zeros_fault
        return
    symbols = task.inputs == "symbols"
    step = () if symbols else (task.features,)
    yield "as a NumPy array", non_array_type
    yield "of integers" if symbols else "of numbers", dtype_kind_rule("iu" if symbols else "biuf")
    yield f"of shape {shape_text('steps', *step)}", shape_rule(None, *step)
    yield "of at least one step", lambda x, steps: None if steps else "none"
    if symbols:
        yield f"that are symbols 0 … {task.features - 1}", bounds_rule(0, task.features - 1)
    else:
        yield "that are finite in float32", bounds_rule(-FLOAT32_MAX, FLOAT32_MAX)


def target_rules(task: Task) -> Iterator[tuple[str, ArrayRule]]:
    """Yield (description of legal values, rule) for the targets of a sequence: at every step or the last."""
    label = () if task.loss == "categorical" else (task.outputs,)
    length, labels = ("steps", None) if task.answers == "every step" else ("1", 1)
    no_label = task.answers == "every step"
    classes = f"that are classes 0 … {task.outputs - 1}" + f", or {NO_LABEL} for none" * no_label
    kinds, expected, low, high = {
        "bernoulli": ("biuf", "in 0 … 1", 0, 1),
        "categorical": ("iu", classes, NO_LABEL if no_label else 0, task.outputs - 1),
        "squared": ("biuf", "that are finite in float32", -FLOAT32_MAX, FLOAT32_MAX),
    }[task.loss]
    yield "as a NumPy array", non_array_type
    yield "of integers" if kinds == "iu" else "of numbers", dtype_kind_rule(kinds)
    yield f'of shape {shape_text(length, *label)} for answers="{task.answers}"', shape_rule(labels, *label)
    yield expected, bounds_rule(low, high)
    if task.metric == "1 - auc":
        expected = "that are 0 or 1, for the metric 1 - auc"
        yield expected, lambda y, steps: next((v for v in y.flat if v not in (0, 1)), None)
    if task.loss == "categorical":
        yield "of at least one class", lambda y, steps: None if (y != NO_LABEL).any() else "none"


def unaligned_target_rules(task: Task) -> Iterator[tuple[str, ArrayRule]]:
    """Yield (description of legal values, rule) for targets that are not aligned with the steps."""
    yield "as a NumPy array", non_array_type
    yield "of integers", dtype_kind_rule("iu")
    yield 'of shape (labels,) for answers="unaligned"', lambda y, steps: None if y.ndim == 1 else y.shape
    yield "of at least one label", lambda y, steps: None if len(y) else "none"
    blank = task.outputs - 1
    yield f"that are symbols 0 … {blank - 1} (the output {blank} is the blank)", bounds_rule(0, blank - 1)
    yield "that fit into the steps (one for each label, one more between equal labels)", alignment_fault


def alignment_fault(targets: np.ndarray, steps: int) -> str | None:
    """Return the least number of steps for these labels, if there are fewer, else None.

    Between two equal labels, an alignment needs a blank.
    """
    repeats = int((targets[1:] == targets[:-1]).sum())
    if (least := len(targets) + repeats) <= steps:
        return None
    return f"{len(targets)} labels, which need {least} steps, in a sequence of length {steps}"


def zeros_fault(array: object, steps: int) -> str | None:
    """Return what an object is that is no array of zeros, (steps, 1), of at least one step, else None."""
    if not isinstance(array, np.ndarray):
        return type(array).__name__
    if array.dtype.kind not in "biuf":
        return f"dtype {array.dtype}"
    if array.shape != (max(steps, 1), 1):
        return f"shape {array.shape}"
    return "another value" if array.any() else None


def non_array_type(array: object, steps: int) -> str | None:
    """Return the type of an object that is not a NumPy array, or has a mask, which is not read; else None."""
    is_plain = isinstance(array, np.ndarray) and not isinstance(array, np.ma.MaskedArray)
    return None if is_plain else type(array).__name__


def dtype_kind_rule(kinds: str) -> ArrayRule:
    """Return a rule: the kind of the dtype is one of NumPy's letters, such as "iu" for integers."""
    return lambda array, steps: None if array.dtype.kind in kinds else f"dtype {array.dtype}"


def shape_rule(length: int | None, *rest: int) -> ArrayRule:
    """Return a rule: the shape is (length, *rest), where None stands for the steps of the sequence."""

    def find_fault(array, steps):
        expected = (steps if length is None else length, *rest)
        return None if array.shape == expected else f"{array.shape} in a sequence of length {steps}"

    return find_fault


def shape_text(length: str, *rest: int) -> str:
    """Return a shape as Python writes it, such as "(steps,)" or "(steps, 88)"."""
    return f"({length}, {', '.join(map(str, rest))})" if rest else f"({length},)"


def bounds_rule(low: float, high: float) -> ArrayRule:
    """Return a rule: all values are in low … high; NaN never is."""

    def find_fault(array, steps):
        if low <= array.min().item() and array.max().item() <= high:
            return None
        return next(value for value in array.flat if not low <= value.item() <= high)

    return find_fault


def sequence_length(inputs: object) -> int:
    """Return the number of steps of a sequence, 0 for an object without a length."""
    return len(inputs) if isinstance(inputs, np.ndarray) and inputs.ndim else 0


def equals(expected: object) -> Callable[[object], bool]:
    """Return a function that tests whether a value equals another; `__eq__` of an int knows no float."""
    return lambda value: bool(value == expected)


def is_finite_number(value: object) -> bool:
    """Whether a value is a number that is neither infinite nor NaN; True does not count as one."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_positive_integer(value: object) -> bool:
    """Whether a value is an integer of at least 1; True does not count as one."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= 1)


def are_class_weights(weights: object, outputs: int) -> bool:
    """Whether an object is a tuple of positive numbers, one for each output."""
    if not isinstance(weights, tuple) or len(weights) != outputs:
        return False
    return all(is_finite_number(weight) and 0 < weight <= FLOAT32_MAX for weight in weights)


def format_choice(names: Sequence[str] | Mapping[str, object]) -> str:
    """Return names as a choice, such as "'nats' or 'error'"."""
    return " or ".join(map(repr, names))

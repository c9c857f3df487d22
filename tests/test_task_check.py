"""A task that could not be trained, or would be scored wrongly, is refused in one line that says where."""

from dataclasses import replace

import numpy as np
import pytest

from suite import Refusal, task_check
from suite.cli.common import validate_and_load
from suite.config import SweepConfig
from suite.layers import losses, metrics
from suite.search import work_unit
from suite.task import SPLITS, Split, Task

WORDS = {"name": "mine", "title": "Mine", "unit": "error", "source": "made up"}
CLASSES = Task(
    **WORDS, load=None, features=2, outputs=3, loss="categorical", metric="error", answers="last step"
)
VALUES = replace(CLASSES, loss="squared", metric="squared", answers="every step")
NOTES = replace(VALUES, loss="bernoulli", metric="nats")
AUC = replace(NOTES, metric="1 - auc")
LABELS = replace(CLASSES, loss="ctc", metric="label error", answers="unaligned")
SYMBOLS = replace(CLASSES, inputs="symbols")
NOTHING = replace(CLASSES, inputs="none", features=1)
AHEAD = replace(VALUES, outputs=2, steps_ahead=3)


def split_of(task, count=4):
    """Return a valid split: sequences of 3, 4, 5 … steps."""
    rng = np.random.default_rng(0)
    inputs = [rng.random((k + 3, 2), np.float32) for k in range(count)]
    if task.inputs == "symbols":
        inputs = [rng.integers(0, 2, k + 3) for k in range(count)]
    if task.inputs == "none":
        inputs = [np.zeros((k + 3, 1)) for k in range(count)]
    targets = {
        "ctc": [np.array([0, 1, 1][: k + 1]) for k in range(count)],
        "categorical": [np.array([k % 3]) for k in range(count)],
        "squared": [rng.normal(size=(k + 3, task.outputs)).astype("float32") for k in range(count)],
        "bernoulli": [rng.integers(0, 2, (k + 3, 3), np.uint8) for k in range(count)],
    }
    return Split(inputs, targets[task.loss])


def refusal(task, splits):
    """Return the refusal of a task with these splits: one line."""
    mine = replace(task, load=lambda folder: splits) if isinstance(task, Task) else task
    with pytest.raises(Refusal) as caught:
        task_check.load_checked_splits("mine:MINE", mine)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "task",
    [CLASSES, VALUES, NOTES, LABELS, SYMBOLS, NOTHING, AHEAD],
    ids=lambda task: f"{task.loss} of {task.inputs}",
)
@pytest.mark.parametrize("of", [list, tuple])
def test_a_valid_task_is_loaded(task, of):
    good = split_of(task)
    splits = dict.fromkeys(SPLITS, Split(of(good.inputs), of(good.targets)))
    assert task_check.load_checked_splits("mine", replace(task, load=lambda folder: splits)) is splits


def test_sequences_of_one_length_may_be_one_array():
    splits = dict.fromkeys(SPLITS, Split(np.ones((4, 5, 2)), np.ones((4, 1), int)))
    assert task_check.load_checked_splits("mine", replace(CLASSES, load=lambda folder: splits)) is splits


@pytest.mark.parametrize("dtype", ["float16", "float64", "longdouble", "uint8", "int64", "bool"])
def test_numbers_of_any_width_are_valid(dtype):
    splits = dict.fromkeys(SPLITS, Split([np.ones((5, 2), dtype)], [np.ones((5, 3), dtype)]))
    for task in (NOTES, VALUES):
        task_check.load_checked_splits("mine", replace(task, load=lambda folder: splits))


LAST = 'expected targets of shape (1,) for answers="last step", got'
STEPS = 'expected targets of shape (steps, 3) for answers="every step", got'


@pytest.mark.parametrize(
    ("task", "array", "wrong", "said"),
    [
        (CLASSES, "inputs", np.full((5, 2), np.nan), "inputs that are finite in float32, got nan"),
        (CLASSES, "inputs", np.full((5, 2), -np.inf), "inputs that are finite in float32, got -inf"),
        (CLASSES, "inputs", np.full((5, 2), 1e39), "inputs that are finite in float32, got 1e+39"),
        (CLASSES, "inputs", np.ones((0, 2)), "expected inputs of at least one step, got none"),
        (CLASSES, "inputs", np.ones((5, 3)), "expected inputs of shape (steps, 2), got (5, 3) in"),
        (CLASSES, "inputs", np.ones(5), "expected inputs of shape (steps, 2), got (5,) in"),
        (CLASSES, "inputs", np.ones(()), "expected inputs of shape (steps, 2), got () in"),
        (CLASSES, "inputs", np.ones((5, 2, 1)), "expected inputs of shape (steps, 2), got (5, 2, 1) in"),
        (CLASSES, "inputs", [[1.0, 2.0]], "expected inputs as a NumPy array, got list"),
        (CLASSES, "inputs", "text", "expected inputs as a NumPy array, got str"),
        (CLASSES, "inputs", None, "expected inputs as a NumPy array, got NoneType"),
        (CLASSES, "inputs", np.full((5, 2), "a"), "expected inputs of numbers, got dtype <U1"),
        (CLASSES, "inputs", np.array([[1], [2, 3]], object), "expected inputs of numbers, got dtype object"),
        (CLASSES, "inputs", np.ones((5, 2), complex), "expected inputs of numbers, got dtype complex128"),
        (CLASSES, "targets", np.array([3]), "expected targets that are classes 0 … 2, got 3"),
        (CLASSES, "targets", np.array([-1]), "expected targets that are classes 0 … 2, got -1"),
        (CLASSES, "targets", np.zeros(5, int), f"{LAST} (5,) in a sequence of length 5"),
        (CLASSES, "targets", np.array(1), f"{LAST} () in"),
        (CLASSES, "targets", np.array([[0, 1, 0]]), f"{LAST} (1, 3) in"),
        (CLASSES, "targets", np.zeros(0, int), f"{LAST} (0,) in"),
        (CLASSES, "targets", 1, "expected targets as a NumPy array, got int"),
        (CLASSES, "targets", [1], "expected targets as a NumPy array, got list"),
        (CLASSES, "targets", np.array(["cat"]), "expected targets of integers, got dtype <U3"),
        (CLASSES, "targets", np.array([1.0]), "expected targets of integers, got dtype float64"),
        (CLASSES, "targets", np.array([True]), "expected targets of integers, got dtype bool"),
        (VALUES, "targets", np.ones((1, 3)), f"{STEPS} (1, 3) in a sequence of length 5"),
        (VALUES, "targets", np.ones((5, 1)), f"{STEPS} (5, 1) in"),
        (VALUES, "targets", np.ones(5), f"{STEPS} (5,) in"),
        (VALUES, "targets", np.full((5, 3), np.inf), "targets that are finite in float32, got inf"),
        (VALUES, "targets", np.full((5, 3), np.nan), "targets that are finite in float32, got nan"),
        (NOTES, "targets", np.full((5, 3), 2), "expected targets in 0 … 1, got 2"),
        (NOTES, "targets", np.full((5, 3), -0.1), "expected targets in 0 … 1, got -0.1"),
        (NOTES, "targets", np.full((5, 3), np.nan), "expected targets in 0 … 1, got nan"),
        (AUC, "targets", np.full((5, 3), 0.5), "targets that are 0 or 1, for the metric 1 - auc, got 0.5"),
        (LABELS, "targets", np.zeros((5, 1), int), "expected targets of shape (labels,) for"),
        (LABELS, "targets", np.array([1.0]), "expected targets of integers, got dtype float64"),
        (LABELS, "targets", np.zeros(0, int), "expected targets of at least one label, got none"),
        (LABELS, "targets", np.array([2]), "symbols 0 … 1 (the output 2 is the blank), got 2"),
        (LABELS, "targets", np.array([0, -1]), "symbols 0 … 1 (the output 2 is the blank), got -1"),
        (LABELS, "targets", np.arange(6) % 2, "got 6 labels, which need 6 steps, in a sequence of length 5"),
        (LABELS, "targets", np.array([0, 0, 0, 1]), "got 4 labels, which need 6 steps, in a sequence of"),
        (CLASSES, "inputs", np.ma.masked_equal(np.eye(2), 1), "as a NumPy array, got MaskedArray"),
        (NOTHING, "inputs", np.zeros((5, 1), "S1"), "zeros of shape (steps, 1), got dtype |S1"),
        (NOTHING, "inputs", np.ones((5, 1)), "zeros of shape (steps, 1), got another value"),
        (NOTHING, "inputs", np.zeros((0, 1)), "zeros of shape (steps, 1), got shape (0, 1)"),
        (AHEAD, "inputs", np.ones((2, 2)), "inputs of at least 3 steps, to predict that many ahead, got 2"),
        (SYMBOLS, "inputs", np.array([0, 2]), "expected inputs that are symbols 0 … 1, got 2"),
        (SYMBOLS, "inputs", np.array([0, -1]), "expected inputs that are symbols 0 … 1, got -1"),
        (SYMBOLS, "inputs", np.array([0.0, 1.0]), "expected inputs of integers, got dtype float64"),
        (SYMBOLS, "inputs", np.zeros((5, 2), int), "expected inputs of shape (steps,), got (5, 2) in"),
        (SYMBOLS, "inputs", np.zeros(0, int), "expected inputs of at least one step, got none"),
    ],
    ids=lambda value: repr(value) if isinstance(value, np.ndarray) else None,
)
@pytest.mark.parametrize("split", ["train", "test"])
def test_a_wrong_sequence_is_refused_with_its_split_and_number(task, array, wrong, said, split):
    splits = {name: split_of(task) for name in SPLITS}
    getattr(splits[split], array)[2] = wrong
    line = refusal(task, splits)
    assert line.startswith(f"task mine:MINE, split {split}, sequence 2 (the first is 0): expected ")
    assert said in line


def test_an_output_that_is_constant_in_a_scored_split_has_no_auc():
    notes = split_of(AUC)
    quiet = Split(notes.inputs, [y * np.array([1, 0, 1], y.dtype) for y in notes.targets])
    task_check.check_splits("mine", AUC, {"train": quiet, "valid": notes, "test": notes})
    said = "targets 0 and 1 of every output, for the metric 1 - auc, got 0 alone of output 1"
    assert f"split test_2x: expected {said}" in refusal(
        AUC, {**dict.fromkeys(SPLITS, notes), "test_2x": quiet}
    )


GOOD = split_of(CLASSES)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"train": Split([], [])}, "split train: expected at least one sequence, got none"),
        ({"test": Split([], [])}, "split test: expected at least one sequence, got none"),
        (
            {"valid": Split(GOOD.inputs, GOOD.targets[1:])},
            "split valid: expected as many targets as inputs, got 4 inputs and 3 targets",
        ),
        ({"valid": (GOOD.inputs, GOOD.targets)}, "split valid: expected a suite.task.Split, got tuple"),
        ({"valid": Split(iter(GOOD.inputs), GOOD.targets)}, "expected inputs to be a list of arrays"),
        (
            {"valid": Split(GOOD.inputs, None)},
            "expected targets to be a list of arrays, one for each sequence, got",
        ),
        ({"val": GOOD}, "and letters, digits or _, got train, valid, test, val"),
        ({"test_2/x": GOOD}, "names are test_ and letters, digits or _, got train, valid, test, test_2/x"),
    ],
)
def test_a_wrong_split_is_refused_with_its_name(wrong, said):
    assert said in refusal(CLASSES, dict.fromkeys(SPLITS, GOOD) | wrong)


@pytest.mark.parametrize(
    ("splits", "said"),
    [
        (
            {"train": GOOD, "val": GOOD, "test": GOOD},
            "names are test_ and letters, digits or _, got train, val, test",
        ),
        (
            {},
            "expected the splits train, valid, test, and perhaps some whose names are",
        ),
        ((GOOD, GOOD, GOOD), "expected load to return a mapping of train, valid, test, got tuple"),
        (None, "expected load to return a mapping of train, valid, test, got NoneType"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_anything_but_a_mapping_of_the_three_splits_is_refused(splits, said):
    assert said in refusal(CLASSES, splits)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            {"loss": "crossentropy"},
            "loss to be 'bernoulli' or 'categorical' or 'squared' or 'ctc', got 'crossentropy'",
        ),
        (
            {"loss": ["squared"]},
            "loss to be 'bernoulli' or 'categorical' or 'squared' or 'ctc', got ['squared']",
        ),
        (
            {"metric": "accuracy"},
            "metric to be 'nats' or 'bits' or 'perplexity' or 'error' for the loss categorical, "
            "got 'accuracy'",
        ),
        ({"loss": "squared"}, "metric to be 'squared' or 'rmse' for the loss squared, got 'error'"),
        ({"loss": "ctc"}, "metric to be 'label error' or 'nats' for the loss ctc, got 'error'"),
        (
            {"answers": "last"},
            "answers to be 'every step' or 'last step' for the loss categorical, got 'last'",
        ),
        (
            {"answers": "unaligned"},
            "answers to be 'every step' or 'last step' for the loss categorical, got 'unaligned'",
        ),
        (
            {"loss": "ctc", "metric": "nats"},
            "answers to be 'unaligned' for the loss ctc, got 'last step'",
        ),
        (
            {"loss": "ctc", "metric": "nats", "answers": "unaligned", "outputs": 1},
            "outputs to be a symbol and the blank at least, so 2 or more, got 1",
        ),
        ({"inputs": "text"}, "inputs to be 'numbers' or 'symbols' or 'none', got 'text'"),
        ({"inputs": "none"}, "features to be 1 for a network without inputs, got 2"),
        ({"direction": "back"}, "direction to be 'forward' or 'both', got 'back'"),
        (
            {"direction": "both", "segment": 5, "answers": "every step"},
            "direction to be 'forward', as the sequences are read step by step, got 'both'",
        ),
        ({"success_tolerance": "0"}, "success_tolerance to be 0 or None for the loss categorical, got '0'"),
        ({"success_tolerance": 0.5}, "success_tolerance to be 0 or None for the loss categorical, got 0.5"),
        (
            {"success_tolerance": float("nan"), "loss": "squared", "metric": "squared"},
            "success_tolerance to be a number of at least 0 or None, got nan",
        ),
        (
            {"success_tolerance": 0, "segment": 3, "answers": "every step"},
            "segment to be 0, as sequences of a stream are not counted (success_tolerance), got 3",
        ),
        ({"trivial": float("inf")}, "trivial to be a finite number or None, got inf"),
        (
            {"loss": "squared", "metric": "squared", "steps_ahead": 3, "inputs": "symbols"},
            "inputs to be 'numbers', as the network reads its own predictions, got 'symbols'",
        ),
        (
            {"class_weights": (1.0, 2.0, 3.0), "loss": "squared", "metric": "squared"},
            "loss to be 'categorical', as there are class_weights, got 'squared'",
        ),
        *(
            (
                {"class_weights": weights},
                "class_weights to be None or a tuple of 3 positive numbers, finite in float32, one for each "
                f"class, got {weights}",
            )
            for weights in [(1.0, 2.0), (1, 2, 0), (1, 2, float("nan")), (1, 2, 1e39), [1, 2, 3], 2.0, ()]
        ),
        ({"features": 0}, "features to be a whole number of at least 1, got 0"),
        ({"features": 2.0}, "features to be a whole number of at least 1, got 2.0"),
        ({"outputs": True}, "outputs to be a whole number of at least 1, got True"),
        ({"outputs": "3"}, "outputs to be a whole number of at least 1, got '3'"),
        ({"title": None}, "title to be text, got None"),
        ({"unit": np.eye(2)}, "unit to be text, got array([[1., 0.], [0., 1.]])"),
    ],
    ids=str,
)
def test_a_wrong_field_is_refused(wrong, said):
    assert refusal(replace(CLASSES, **wrong), None) == f"task mine:MINE: expected {said}"


def test_a_load_that_is_no_function_is_refused():
    with pytest.raises(Refusal, match="load to be a function of the data folder, got None"):
        task_check.load_checked_splits("mine", CLASSES)


@pytest.mark.parametrize("what", [None, "adding", CLASSES.__class__, dict, lambda folder: None])
def test_an_object_that_is_not_a_task_is_refused(what):
    assert refusal(what, None).startswith("task mine:MINE: expected a suite.task.Task, got ")


@pytest.mark.parametrize(
    "error", [KeyError("notes"), FileNotFoundError(2, "No such file", "x"), SystemExit(3)]
)
def test_a_load_that_raises_is_refused_with_its_line(error):
    def load(folder):
        raise error

    with pytest.raises(Refusal) as caught:
        task_check.load_checked_splits("mine", replace(CLASSES, load=load))
    line = load.__code__.co_firstlineno + 1
    kind, place = type(error).__name__, f"({__file__}, line {line})"
    assert str(caught.value) == f"task mine: its load raised {kind}: {error} {place}"


def test_every_loss_that_a_task_may_have_is_one_of_the_head():
    assert task_check.METRICS_BY_LOSS.keys() == losses.LOSSES.keys() == metrics.METRICS.keys()
    for loss, names in task_check.METRICS_BY_LOSS.items():
        assert list(metrics.METRICS[loss]) == list(names)


@pytest.mark.parametrize("task", ["test_task_check:WRONG", "json:loads"])
@pytest.mark.parametrize(
    "load",
    [
        work_unit.cached_splits,
        lambda task, data: validate_and_load(SweepConfig("mine", tasks=(task,), cells=("rnn",)), data),
    ],
    ids=["a worker", "a command"],
)
def test_everything_that_trains_refuses_an_invalid_task(task, load):
    with pytest.raises(Refusal, match=rf"^task '?{task}.*: expected "):
        load(task, None)


WRONG = replace(CLASSES, load=lambda folder: dict.fromkeys(SPLITS, Split([], [])))

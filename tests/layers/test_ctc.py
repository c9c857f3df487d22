"""CTC: the loss is a sum over alignments, the metric an edit distance; padding changes neither."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops
from scipy import special

from suite.backend import compile, value_and_grad
from suite.layers import ctc

OUTPUTS = 3  # two symbols and the blank
CASES = [  # steps, labels
    (5, [0, 1]),
    (5, [0, 0]),
    (3, [0, 0]),  # as few steps as there can be: a blank between equal labels
    (3, [0, 1, 0]),
    (5, [1, 1, 0]),
    (1, [1]),
    (4, []),
    (0, []),  # a sequence that is missing from a batch
]
LOGITS = np.random.default_rng(0).normal(size=(2, len(CASES), 5, OUTPUTS), scale=2).astype("float32")


def arguments(logits, cases, longest=3):
    """Return the arguments of the loss for the same cases in every lane; padded labels are not blanks."""
    lanes = len(logits)
    targets = np.zeros((lanes, len(cases), longest), "int32")
    for k, (_, labels) in enumerate(cases):
        targets[:, k, : len(labels)] = labels
    counts = np.array([(steps, len(labels)) for steps, labels in cases], "int32").T
    steps, labels = np.broadcast_to(counts[:, None], (2, lanes, len(cases)))
    return [ops.convert_to_tensor(np.array(a)) for a in (logits, steps, targets, labels)]


@compile
def compiled_loss(logits, *others):
    def total(logits):
        losses = ctc.ctc_nll(logits, *others)
        return ops.sum(losses), losses

    (_, losses), gradient = value_and_grad(total)(logits)
    return losses, gradient


compiled_errors = compile(ctc.label_errors)


def loss_and_gradient(*args):
    return [ops.convert_to_numpy(a) for a in compiled_loss(*arguments(*args))]


def decode(path, blank):
    return [int(k) for k, _ in itertools.groupby(path) if k != blank]


def brute_force(logits, labels):
    """Return the loss of one sequence and its gradient by the logits, from a list of all alignments."""
    log_y = special.log_softmax(logits.astype(float), axis=-1)
    steps = np.arange(len(logits))
    paths = [p for p in itertools.product(range(OUTPUTS), repeat=len(steps)) if decode(p, 2) == labels]
    log_p = np.array([log_y[steps, p].sum() for p in paths])
    share = np.einsum("p,ptk->tk", special.softmax(log_p), np.eye(OUTPUTS)[np.array(paths)])
    return -special.logsumexp(log_p), np.exp(log_y) - share


@pytest.fixture(scope="module")
def case_results():
    return loss_and_gradient(LOGITS, CASES)


def test_the_loss_and_its_gradient_sum_over_all_alignments(case_results):
    losses, gradients = case_results
    for lane, (k, (steps, labels)) in itertools.product(range(2), enumerate(CASES[:-1])):
        loss, gradient = brute_force(LOGITS[lane, k, :steps], labels)
        np.testing.assert_allclose(losses[lane, k], loss, rtol=1e-5, err_msg=str(labels))
        np.testing.assert_allclose(gradients[lane, k, :steps], gradient, atol=1e-6, err_msg=str(labels))


def test_padding_has_no_loss_and_no_gradient(case_results):
    losses, gradients = case_results
    assert not losses[:, -1].any()
    for k, (steps, _) in enumerate(CASES):
        assert not gradients[:, k, steps:].any()


def test_more_padding_changes_nothing(case_results):
    wide = np.full((2, len(CASES), 7, OUTPUTS), 9, "float32")
    wide[:, :, :5] = LOGITS
    losses, gradients = loss_and_gradient(wide, CASES, 6)
    np.testing.assert_allclose(losses, case_results[0], rtol=1e-6)
    np.testing.assert_allclose(gradients[:, :, :5], case_results[1], atol=1e-6)


def test_a_lane_that_diverged_leaves_the_others_alone(case_results):
    losses, gradients = loss_and_gradient(np.stack([LOGITS[0], LOGITS[1] * np.nan]), CASES)
    np.testing.assert_array_equal(losses[0], case_results[0][0])
    np.testing.assert_array_equal(gradients[0], case_results[1][0])
    assert np.isnan(losses[1, :-1]).all()


def test_300_steps_of_any_logits_lose_no_digits():
    """With equal outputs, p is the number of alignments, C(steps + labels − repeats, 2 · labels), times yⁿ.

    With logits of ±50, the gradient of every step sums to zero. The third sequence is too long for its steps.
    """
    rng = np.random.default_rng(0)
    labels = [0, 0, 1, 1, 1, 0, 1, 0, 0, 1]  # four are repeats of the one before
    cases = [(300, labels), (300, labels), (13, labels)]
    logits = np.stack([np.zeros((300, OUTPUTS)), *rng.choice([-50, 50], (2, 300, OUTPUTS))])
    losses, gradients = loss_and_gradient(logits[None].astype("float32"), cases, 10)
    expected = 300 * np.log(OUTPUTS) - np.log(special.comb(300 + 10 - 4, 2 * 10))
    assert losses[0, 0] == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(gradients[0].sum(-1), 0, atol=1e-5)
    assert losses[0, 2] > 1e29
    assert np.isfinite(losses).all()


def test_the_best_path_is_read_without_repeats_and_blanks():
    paths = ["--aab-", "a-a-b-", "aaaabb", "------", "ababab"]  # the labels aab, in six steps
    logits = np.eye(OUTPUTS)[[["ab-".index(output) for output in path] for path in paths]]
    cases = [(6, [0, 0, 1])] * len(paths)
    errors = compiled_errors(*arguments(logits[None].astype("float32"), cases))
    assert ops.convert_to_numpy(errors).tolist() == [[1, 0, 1, 3, 3]]


def levenshtein(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def test_label_errors_are_the_edit_distance_to_the_best_path():
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(2, 60, 12, 4)).astype("float32")
    logits[..., -1] += 0.5
    cases = [(int(rng.integers(13)), rng.integers(0, 3, rng.integers(1, 8)).tolist()) for _ in range(60)]
    errors = ops.convert_to_numpy(compiled_errors(*arguments(logits, cases, 9)))
    expected = [
        [
            levenshtein(decode(lane[k, :steps].argmax(-1), 3), labels)
            for k, (steps, labels) in enumerate(cases)
        ]
        for lane in logits
    ]
    np.testing.assert_array_equal(errors, expected)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="Keras's loss compiles for seconds on JAX"
)
def test_the_loss_is_that_of_keras():
    """`keras.ops.ctc_loss` on longer sequences than can be listed; its blank is an output of its own."""
    rng = np.random.default_rng(2)
    cases = [(steps, rng.integers(0, 4, 6).tolist()) for steps in (40, 33, 12)]
    logits = rng.normal(size=(1, 3, 40, 5), scale=3).astype("float32")
    args = arguments(logits, cases, 6)
    losses = ops.convert_to_numpy(compile(ctc.ctc_nll)(*args))
    x, steps, targets, labels = (a[0] for a in args)
    expected = ops.ctc_loss(targets, x, labels, steps, mask_index=4)
    np.testing.assert_allclose(losses[0], ops.convert_to_numpy(expected), rtol=1e-5)

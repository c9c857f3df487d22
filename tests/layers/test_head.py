import numpy as np
import pytest
from keras import ops
from scipy import special, stats
from sklearn import metrics

from suite.layers import losses
from suite.layers.head import Head
from suite.layers.metrics import METRICS, Metric, one_minus_auc, success_metric
from suite.task import NO_LABEL

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(2, 3, 4, 5)).astype("float32")  # lanes, batch, steps, outputs
LABELS = np.array([[4, 2, 0], [1, 3, 4]], "int32")
COUNTED = np.arange(4) < LABELS[..., None]


def check(function, targets, each):
    tensors = map(ops.convert_to_tensor, (LOGITS, LABELS, targets, LABELS))
    total = ops.convert_to_numpy(function(*tensors))
    np.testing.assert_allclose(total, (each * COUNTED).sum(-1), rtol=1e-5, atol=1e-6)


def test_bernoulli_is_the_likelihood_of_independent_sigmoids():
    y = (RNG.random(LOGITS.shape) < 0.3).astype("uint8")
    check(losses.bernoulli_nll, y, -stats.bernoulli.logpmf(y, special.expit(LOGITS)).sum(-1))


def test_categorical_is_the_likelihood_of_a_softmax():
    y = RNG.integers(0, 5, LOGITS.shape[:-1]).astype("int32")
    each = -np.take_along_axis(special.log_softmax(LOGITS, axis=-1), y[..., None], axis=-1)[..., 0]
    check(losses.categorical_nll, y, each)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_squared_is_the_squared_error(dtype):
    y = ops.convert_to_tensor(RNG.normal(size=LOGITS.shape, scale=3).astype(dtype))
    check(losses.squared_error, y, ((LOGITS - ops.convert_to_numpy(y)) ** 2).sum(-1))


def test_error_counts_the_wrong_classes():
    y = RNG.integers(0, 5, LOGITS.shape[:-1]).astype("int32")
    check(losses.classification_error, y, LOGITS.argmax(-1) != y)


def test_a_step_without_a_label_counts_for_nothing():
    y = RNG.integers(0, 5, LOGITS.shape[:-1]).astype("int32")
    y[:, :, 1] = NO_LABEL
    each = np.where(y == NO_LABEL, 0, LOGITS.argmax(-1) != y)
    check(losses.classification_error, y, each)
    likelihoods = -np.take_along_axis(special.log_softmax(LOGITS, axis=-1), abs(y)[..., None], axis=-1)[
        ..., 0
    ]
    check(losses.categorical_nll, y, np.where(y == NO_LABEL, 0, likelihoods))


def test_class_weights_multiply_the_loss_of_each_label_and_no_metric():
    head = Head(5, "every step", "categorical", "nats", class_weights=(1.0, 0.5, 2.0, 3.0, 0.1))
    y = RNG.integers(NO_LABEL, 5, LOGITS.shape[:-1]).astype("int32")
    each = -np.take_along_axis(special.log_softmax(LOGITS, axis=-1), abs(y)[..., None], axis=-1)[..., 0]
    check(head.loss_function, y, each * np.where(y == NO_LABEL, 0, np.array(head.class_weights)[y]))
    assert head.metrics["score"] == METRICS["categorical"]["nats"]


def test_error_of_binary_outputs_is_the_share_that_is_wrong():
    y = (RNG.random(LOGITS.shape) < 0.3).astype("uint8")
    check(losses.output_error, y, ((LOGITS > 0) != y).mean(-1))


def test_the_area_under_the_roc_curve_is_that_of_scikit_learn():
    """Of two lanes and three outputs, with equal logits, a third of the labels padding, and one lane NaN."""
    logits = np.round(RNG.normal(size=(3, 3000, 3)), 1).astype("float32")
    y, counted = RNG.random((3000, 3)) < [0.5, 0.05, 0.9], np.arange(3000) % 3 > 0
    logits[:, :, 1] += y[:, 1]
    logits[:2, ~counted] = logits[2, 1] = np.nan
    areas = [metrics.roc_auc_score(y[counted], lane[counted]) for lane in logits[:2]]
    result = ops.convert_to_numpy(
        one_minus_auc(*map(ops.convert_to_tensor, (logits, y.astype("uint8"), counted)))
    )
    np.testing.assert_allclose(result, [*(1 - np.array(areas)), np.nan], atol=1e-6)


@pytest.mark.parametrize(
    ("loss", "metric", "score"),
    [
        ("categorical", "bits", np.log2(5)),
        ("categorical", "perplexity", 5),
        ("squared", "rmse", np.log(5) ** 0.5),
    ],
)
def test_metrics_that_are_functions_of_the_mean_loss(loss, metric, score):
    assert float(METRICS[loss][metric].of_mean(ops.convert_to_tensor(np.log(5)))) == pytest.approx(score)


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        ("categorical", np.array([[[0, 1], [NO_LABEL, 1], [1, 1], [1, 0]]])),
        ("squared", np.array([[[[3.0], [-1.5]], [[2.97], [-1]], [[3.2], [-1]], [[3], [-1.0]]]])),
        ("bernoulli", np.array([[[[1], [0]], [[1], [0]], [[0], [0]], [[1], [1]]]])),
    ],
)
def test_a_sequence_is_solved_if_none_of_its_labels_is_wrong(loss, targets):
    """Sequences of two labels: with one wrong, right, with one wrong, and with one that does not count."""
    logits = np.array([[[[3.0], [-1.0]]] * 4], "float32")
    if loss == "categorical":
        logits = np.concatenate([logits, 0 * logits], axis=-1)  # the classes 0 and 1 are predicted
        targets = targets.astype("int32")
    elif loss == "bernoulli":
        targets[0, 0, 0] = 0
    labels = np.array([[2, 2, 2, 1]], "int32")
    total = success_metric(loss, tolerance=0.04).total
    solved = ops.convert_to_numpy(total(ops.convert_to_tensor(logits), labels, targets, labels))
    expected = {"categorical": [1, 1, 0, 0], "squared": [0, 1, 0, 1], "bernoulli": [0, 1, 0, 1]}[loss]
    assert solved.tolist() == [expected]


@pytest.mark.parametrize("loss", METRICS)
def test_outputs_that_are_not_numbers_have_no_score_and_solve_nothing(loss):
    """All targets are 0, which NaN would be by its argmax, or as it is not above 0."""
    one, label = np.ones((1, 1), "int32"), {"categorical": (), "ctc": ()}.get(loss, (2,))
    targets = np.zeros((1, 1, 1, *label), "float32" if label else "int32")
    logits = ops.convert_to_tensor(np.full((1, 1, 1, 2), np.nan, "float32"))
    for metric in METRICS[loss].values():
        if isinstance(metric, Metric):  # others are tested with one
            assert np.isnan(ops.convert_to_numpy(metric.total(logits, one, targets, one))).all()
    solved = success_metric(loss, tolerance=0.04).total(logits, one, targets, one)
    assert ops.convert_to_numpy(solved).tolist() == [[0]]


def test_the_last_step_is_that_of_each_sequence():
    h = np.arange(2 * 3 * 4, dtype="float32").reshape(2, 3, 4, 1)
    last, counted = Head(1, "last step", "squared", "squared").inputs(h, ops.convert_to_tensor(LABELS))
    assert ops.convert_to_numpy(last)[..., 0, 0].tolist() == [[3, 5, 8], [12, 18, 23]]
    assert ops.convert_to_numpy(counted).tolist() == [[1, 1, 0], [1, 1, 1]]


def test_every_step_is_left_as_it_is():
    h, counted = Head(1, "every step", "squared", "squared").inputs(LOGITS, LABELS)
    assert h is LOGITS
    assert counted is LABELS


@pytest.mark.parametrize("loss", losses.LOSSES.values())
def test_a_large_logit_gives_a_finite_loss(loss):
    label = () if loss in (losses.categorical_nll, losses.ctc_nll) else (2,)
    targets = np.zeros((1, 1, 1, *label), "float32" if label else "int32")
    one = np.ones((1, 1), "int32")
    assert np.isfinite(
        ops.convert_to_numpy(loss(np.full((1, 1, 1, 2), 1e4, "float32"), one, targets, one))
    ).all()

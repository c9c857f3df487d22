import numpy as np
import pytest
from keras import ops
from scipy import special, stats

from suite.layers import head
from suite.layers.head import Head

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(2, 3, 4, 5)).astype("float32")  # lanes, batch, steps, outputs
LABELS = np.array([[4, 2, 0], [1, 3, 4]])
COUNTED = np.arange(4) < LABELS[..., None]


def check(function, targets, each):
    total = ops.convert_to_numpy(function(ops.convert_to_tensor(LOGITS), LABELS, targets, LABELS))
    np.testing.assert_allclose(total, (each * COUNTED).sum(-1), rtol=1e-5, atol=1e-6)


def test_bernoulli_is_the_likelihood_of_independent_sigmoids():
    y = (RNG.random(LOGITS.shape) < 0.3).astype("uint8")
    check(head.bernoulli_nll, y, -stats.bernoulli.logpmf(y, special.expit(LOGITS)).sum(-1))


def test_categorical_is_the_likelihood_of_a_softmax():
    y = RNG.integers(0, 5, LOGITS.shape[:-1]).astype("int32")
    each = -np.take_along_axis(special.log_softmax(LOGITS, axis=-1), y[..., None], axis=-1)[..., 0]
    check(head.categorical_nll, y, each)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_squared_is_the_squared_error(dtype):
    y = ops.convert_to_tensor(RNG.normal(size=LOGITS.shape, scale=3).astype(dtype))
    check(head.squared_error, y, ((LOGITS - ops.convert_to_numpy(y)) ** 2).sum(-1))


def test_error_counts_the_wrong_classes():
    y = RNG.integers(0, 5, LOGITS.shape[:-1]).astype("int32")
    check(head.classification_error, y, LOGITS.argmax(-1) != y)


def test_the_last_step_is_that_of_each_sequence():
    h = np.arange(2 * 3 * 4, dtype="float32").reshape(2, 3, 4, 1)
    last, counted = Head(1, "last step", "squared", "squared").inputs(
        h, ops.convert_to_tensor(LABELS.astype("int32"))
    )
    assert ops.convert_to_numpy(last)[..., 0, 0].tolist() == [[3, 5, 8], [12, 18, 23]]
    assert ops.convert_to_numpy(counted).tolist() == [[1, 1, 0], [1, 1, 1]]


def test_every_step_is_left_as_it_is():
    h, counted = Head(1, "every step", "squared", "squared").inputs(LOGITS, LABELS)
    assert h is LOGITS
    assert counted is LABELS


@pytest.mark.parametrize("loss", head.LOSSES.values())
def test_a_large_logit_gives_a_finite_loss(loss):
    label = () if loss in (head.categorical_nll, head.ctc_nll) else (2,)
    targets = np.zeros((1, 1, 1, *label), "float32" if label else "int32")
    one = np.ones((1, 1), "int32")
    assert np.isfinite(
        ops.convert_to_numpy(loss(np.full((1, 1, 1, 2), 1e4, "float32"), one, targets, one))
    ).all()

import keras
import numpy as np
import pytest
from keras import ops

from suite.training.optimiser import nesterov


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_nesterov_is_that_of_keras_in_every_lane(momentum):
    rng = np.random.default_rng(0)
    start = rng.normal(size=(2, 3, 2)).astype("float32")
    gradients = rng.normal(size=(5, 2, 3, 2)).astype("float32")
    rates, momenta = np.array([0.1, 0.5], "float32"), np.array([momentum, momentum / 2], "float32")
    weights, velocity = {"w": ops.convert_to_tensor(start)}, {"w": ops.zeros(start.shape)}
    for gradient in gradients:
        weights, velocity = nesterov(weights, velocity, {"w": gradient}, rates, momenta)
    for lane in range(2):
        kept = keras.Variable(start[lane])
        optimiser = keras.optimizers.SGD(float(rates[lane]), momentum=float(momenta[lane]), nesterov=True)
        for gradient in gradients[:, lane]:
            optimiser.apply([ops.convert_to_tensor(gradient)], [kept])
        np.testing.assert_allclose(weights["w"][lane], ops.convert_to_numpy(kept), rtol=1e-5, atol=1e-6)

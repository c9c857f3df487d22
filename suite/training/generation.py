"""Free-running generation: a network whose inputs are its own predictions."""

from keras import ops

from suite.backend import scan
from suite.layers.base import Context, Weights
from suite.layers.head import last_of_each
from suite.network import Network
from suite.tensor import Tensor


def predict_ahead(
    network: Network, weights: Weights, x: Tensor, context: Context, steps_ahead: int
) -> Tensor:
    """Return the prediction at the last step of each sequence, (lanes, batch, 1, outputs), steps ahead.

    The network reads x (lanes, batch, steps, features) up to the step that is `steps_ahead` − 1 before the
    last of the sequence. From then on, its input is its own prediction of that input, so that its outputs
    are as many as its inputs. One step ahead is the prediction as in training.
    """
    lanes, batch, total, _ = x.shape
    position = ops.arange(total)[:, None, None]
    known = position <= context.steps - steps_ahead  # (steps, lanes, batch)
    single = Context(ops.ones_like(context.steps), context.unit_mask, context.settings)

    def step(state: tuple, inputs: tuple) -> tuple:
        carry, prediction = state
        x_t, is_known = inputs
        x_t = ops.where(is_known[..., None], x_t, prediction)
        logits, _, carry = network.apply(weights, x_t[:, :, None], single, carry)
        return (carry, logits[:, :, 0]), logits[:, :, 0]

    start = network.start_carry(lanes, batch, context.width), ops.zeros((lanes, batch, x.shape[3]))
    each_step = ops.transpose(x, (2, 0, 1, 3)), known
    _, predictions = scan(step, start, each_step, like=start[1])
    return last_of_each(ops.transpose(predictions, (1, 2, 0, 3)), context.steps)[0]

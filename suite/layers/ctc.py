"""Connectionist temporal classification (CTC): labels that are not aligned with steps, Graves et al. (2006).

The network has one output for each symbol, and one more, the last, for the *blank*: no label at this step. An
alignment gives every step a symbol or the blank; without repeats and then without blanks it is a sequence of
labels. The loss sums the probabilities of all alignments of the true labels. The metric is the edit distance
between the true labels and those of the best path, the alignment of the most likely output at every step.

Both are functions with the arguments of `suite.layers.head`: targets (lanes, batch, longest) are symbols,
integers in 0 … outputs − 2.
"""

from collections.abc import Callable

from keras import ops

from suite.backend import scan
from suite.tensor import Tensor

LOG_ZERO = -1e30  # stands for log 0: minus infinity would make gradients NaN


def ctc_nll(logits: Tensor, steps: Tensor, targets: Tensor, labels: Tensor) -> Tensor:
    """Return the negative log-likelihood of the labels, in nats, summed over all alignments.

    Labels that no alignment fits, because there are too few steps, give a very large number.
    """
    blank = logits.shape[-1] - 1
    states = extended_labels(targets, labels, blank)
    one_hot = ops.one_hot(states, blank + 1, dtype=logits.dtype)  # (lanes, batch, states, outputs)
    counted = (ops.arange(logits.shape[2]) < steps[:, :, None])[..., None]  # (lanes, batch, steps, 1)

    @ops.custom_gradient
    def loss(logits: Tensor) -> tuple[Tensor, Callable]:
        log_y = logits - ops.logsumexp(logits, axis=-1, keepdims=True)
        emissions = ops.matmul(log_y, ops.swapaxes(one_hot, 2, 3))  # log y of each state
        # the best state of each step becomes 0, so that sums over many steps lose few digits
        scale = ops.max(emissions, axis=-1, keepdims=True)
        alignments = log_alignments(emissions - scale, counted, states, labels, blank)
        log_p = ops.logsumexp(alignments[:, :, 0], axis=-1)
        log_p += ops.sum(ops.where(counted, scale, 0.0), axis=(2, 3))

        def gradient(*args: Tensor, upstream: Tensor | None = None) -> Tensor:
            # JAX passes it as the positional argument, TensorFlow as the keyword
            (d_loss,) = args or (upstream,)
            share = ops.matmul(ops.softmax(alignments, axis=-1), one_hot)  # of the alignments, by output
            d_logits = ops.where(counted, ops.exp(log_y) - share, 0.0)  # equation 16
            return d_loss[:, :, None, None] * d_logits

        return ops.where(steps > 0, -log_p, 0.0), gradient

    return loss(logits)


def extended_labels(targets: Tensor, labels: Tensor, blank: int) -> Tensor:
    """Return l′, the labels with a blank before, between and after them, (lanes, batch, 2 · longest + 1).

    These are the states that an alignment passes through. Padding is filled with blanks.
    """
    counted = ops.arange(targets.shape[-1]) < labels[:, :, None]
    symbols = ops.where(counted, ops.cast(targets, "int32"), blank)
    pairs = ops.stack([ops.full_like(symbols, blank), symbols], axis=-1)
    pairs = ops.reshape(pairs, (*symbols.shape[:2], 2 * symbols.shape[2]))
    return ops.concatenate([pairs, ops.full_like(symbols[..., :1], blank)], axis=-1)


def log_alignments(emissions: Tensor, counted: Tensor, states: Tensor, labels: Tensor, blank: int) -> Tensor:
    """Return the log of the probability of all alignments that are in a state at a step.

    It is log(α β / y), the summands of equation 14, (lanes, batch, steps, states); the sum over the states
    is the same at every step. `emissions` are log y of each state, of the same shape; `counted` is whether a
    step is not padding, (lanes, batch, steps, 1); `states` are those of `extended_labels`.

    The backward variables β (equations 9 and 10) are forward variables α of the sequence read from its end,
    so one loop over the steps computes both.
    """
    emissions = ops.transpose(emissions, (2, 0, 1, 3))
    counted = ops.transpose(counted, (2, 0, 1, 3))
    last = states.shape[-1] - 1
    first = ops.stack([ops.zeros_like(labels), last - 2 * labels])  # the blank before all labels
    start = ops.where(ops.arange(last + 1) == first[..., None], 0.0, LOG_ZERO)
    variables = forward_variables(
        ops.stack([emissions, ops.flip(emissions, (0, 3))], axis=1),
        ops.stack([counted, ops.flip(counted, 0)], axis=1),
        ops.stack([states, ops.flip(states, 2)]),
        ops.cast(start, emissions.dtype),
        blank,
    )
    alpha, beta = variables[:, 0], ops.flip(variables[:, 1], (0, 3))
    return ops.transpose(alpha + beta - emissions, (1, 2, 0, 3))


def forward_variables(
    emissions: Tensor, counted: Tensor, states: Tensor, start: Tensor, blank: int
) -> Tensor:
    """Return log α, (steps, …, states): the probability of all alignments up to a step that end in a state.

    Equations 6 and 7 of the paper, from `start`, (…, states), before the first step. `emissions` are (steps,
    …, states), `counted` (steps, …, 1), `states` (…, states). A step of padding leaves α as it is.
    """
    # a blank may be left out between two labels, unless they are equal
    may_skip = (states != blank) & (states != shift(states, 2, blank))

    def step(alpha: Tensor, inputs: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        emission, counted = inputs
        before = shift(alpha, 1, LOG_ZERO)
        skipped = ops.where(may_skip, shift(alpha, 2, LOG_ZERO), LOG_ZERO)
        largest = ops.maximum(ops.maximum(alpha, before), skipped)
        ratios = ops.exp(alpha - largest) + ops.exp(before - largest) + ops.exp(skipped - largest)
        alpha = ops.where(counted, largest + ops.log(ratios) + emission, alpha)
        return alpha, alpha

    return scan(step, start, (emissions, counted), like=start)[1]


def label_errors(logits: Tensor, steps: Tensor, targets: Tensor, labels: Tensor) -> Tensor:
    """Return the edit distance between the labels and those of the best path.

    It is the least number of labels to insert, delete or replace (Levenshtein). Divided by the number of
    labels it is the label error rate, which is above 1 if the best path has many more labels.
    """
    blank, longest = logits.shape[-1] - 1, targets.shape[-1]
    path = ops.argmax(logits, axis=-1)  # (lanes, batch, steps)
    emitted = (path != blank) & (path != shift(path, 1, blank))
    emitted &= ops.arange(path.shape[-1]) < steps[:, :, None]
    targets = ops.cast(targets, path.dtype)
    prefixes = ops.arange(longest + 1)  # lengths of the beginnings of the targets
    # distance of each beginning to the labels of the path so far, (lanes, batch, longest + 1)
    start = ops.broadcast_to(ops.cast(prefixes, logits.dtype), (*labels.shape, longest + 1))

    def step(distances: Tensor, inputs: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple]:
        symbol, emitted = inputs
        replaced = distances[..., :-1] + ops.cast(targets != symbol, distances.dtype)
        replaced = ops.concatenate([distances[..., :1] + 1, replaced], axis=-1)
        updated = ops.minimum(distances + 1, replaced)
        places = 1
        while places <= longest:  # of any number of labels that the path lacks, in powers of two
            updated = ops.minimum(updated, shift(updated, places, float("inf")) + places)
            places *= 2
        return ops.where(emitted, updated, distances), ()

    inputs = tuple(ops.transpose(a, (2, 0, 1))[..., None] for a in (path, emitted))
    distances, _ = scan(step, start, inputs, like=())
    distance = ops.sum(ops.where(prefixes == labels[..., None], distances, 0.0), axis=-1)
    counted = ops.arange(path.shape[-1]) < steps[:, :, None]
    return keep_nan(distance, ops.where(counted[..., None], logits, 0.0), axis=(2, 3))


def keep_nan(errors: Tensor, logits: Tensor, axis: int | tuple[int, ...]) -> Tensor:
    """Return errors, NaN where a logit over `axis` is NaN: else the first class would be the most likely."""
    return ops.where(ops.any(ops.isnan(logits), axis=axis), float("nan"), errors)


def shift(array: Tensor, places: int, fill: float) -> Tensor:
    """Return an array shifted towards the end of its last axis; `fill` comes in at the beginning."""
    filling = ops.full_like(array[..., :places], fill)
    return ops.concatenate([filling, array[..., :-places]], axis=-1)

"""Trainers: how the weights of a population change in an epoch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from keras import ops

from suite.backend import scan, value_and_grad
from suite.layers.base import Context
from suite.tensor import Tensor
from suite.training.batches import gather_sequences
from suite.training.optimiser import OPTIMISERS, Slots, Weights, clip_gradient
from suite.training.trial import Trial

if TYPE_CHECKING:
    from suite.training.program import Program

CLIP_BOUNDS = ("clip_norm", "clip_value")  # optional hyperparameters; a trial without them does not clip
Tensors: TypeAlias = dict[str, Tensor]  # arrays by name


class Trainer(Protocol):
    """What turns data into weights. It trains all lanes of a program side by side, each as if it were alone.

    A trainer is compiled into a program: it holds only what changes the program. What differs between trials
    is in `settings`, arrays (lanes,).
    """

    def settings(self, hyperparameters: Mapping[str, float]) -> dict[str, float]:
        """Return the settings of a trial by name, from those of its hyperparameters that the trainer reads.

        Without hyperparameters, it returns the settings of a lane without a trial.
        """

    def initial_slots(self, weights: dict[str, np.ndarray], lanes: int) -> Slots:
        """Return what is kept between epochs besides the weights; `weights` are zeros in their shapes."""

    def train_epoch(
        self,
        program: "Program",
        weights: Weights,
        slots: Slots,
        settings: Tensors,
        draws: Tensors,
        train_buckets: list[Tensors],
    ) -> tuple[Weights, Slots, Tensor]:
        """Train every lane for an epoch; return the new weights and slots, and the training loss, (lanes,).

        `settings` holds the settings of the trainer and of the network's layers, (lanes,), and the mask
        (lanes, 1, width). `draws` is what `Population.draw_epoch` returns: for each update, the bucket, the
        sequences and the keys of random draws. The training loss is averaged over all labels of the epoch.
        """


@dataclass(frozen=True)
class Descent:
    """Gradient descent: an update of the weights after each batch, by a rule of `suite.training.optimiser`.

    `clips` is whether gradients may be clipped, which takes time.
    """

    rule: str = "nesterov"
    clips: bool = False

    @classmethod
    def of_trials(cls, rule: str, trials: Iterable[Trial]) -> "Descent":
        """Return the trainer for trials: it clips if any of them does."""
        return cls(rule, any(name in trial.hyperparameters for trial in trials for name in CLIP_BOUNDS))

    def settings(self, hyperparameters: Mapping[str, float]) -> dict[str, float]:
        """Return rate, momentum and the bounds of clipping; infinity does not clip."""
        momentum = hyperparameters.get("momentum", 0.0)
        scale = 1 - momentum if OPTIMISERS[self.rule].rescales_rate else 1
        bounds = {name: hyperparameters.get(name, np.inf) for name in CLIP_BOUNDS}
        if not self.clips and min(bounds.values()) < np.inf:
            raise ValueError("expected a trial without clipping, got one that clips: use Descent(clips=True)")
        return {"rate": hyperparameters.get("learning_rate", 0.0) * scale, "momentum": momentum, **bounds}

    def initial_slots(self, weights: dict[str, np.ndarray], lanes: int) -> Slots:
        """Return the slots of the rule, zeros."""
        return OPTIMISERS[self.rule].initial_slots(weights, lanes)

    def train_epoch(
        self,
        program: "Program",
        weights: Weights,
        slots: Slots,
        settings: Tensors,
        draws: Tensors,
        train_buckets: list[Tensors],
    ) -> tuple[Weights, Slots, Tensor]:
        """Update the weights after every batch of the epoch (`Trainer.train_epoch`)."""
        fixed = program.network.fixed_weights()
        rule = OPTIMISERS[self.rule].update

        def gradient_from(bucket: Tensors) -> Any:
            def gradient(weights: Weights, indices: Tensor, keys: Tensor, carry: Any) -> tuple:
                sequences = gather_sequences(bucket, indices)
                context = Context(sequences["steps"], settings["mask"], settings, keys)

                def loss_of(weights: Weights) -> tuple[Tensor, Any]:
                    return program.batch_loss(weights, sequences, context, carry)

                (_, (loss_and_labels, carry_after)), grads = value_and_grad(loss_of)(weights)
                grads |= {name: ops.zeros_like(weights[name]) for name in fixed}
                return loss_and_labels, grads, carry_after

            return gradient

        gradients = [gradient_from(bucket) for bucket in train_buckets]

        def update(state: tuple, draw: Tensors) -> tuple[tuple, Tensor]:
            weights, slots, carry = state
            operands = weights, draw["sequences"], draw["keys"], carry
            if len(gradients) == 1:
                loss_and_labels, grads, carry = gradients[0](*operands)
            else:
                loss_and_labels, grads, carry = ops.switch(draw["bucket"], gradients, *operands)
            if self.clips:
                grads = clip_gradient(grads, settings["clip_norm"], settings["clip_value"])
            weights, slots = rule(weights, slots, grads, settings["rate"], settings["momentum"])
            return (weights, slots, carry), loss_and_labels

        start = weights, slots, program.start_carry(program.batch)
        like = ops.zeros((program.lanes, 2))  # of each lane, the summed loss and the number of labels
        (weights, slots, _), per_update = scan(update, start, draws, like=like)
        totals = ops.sum(per_update, axis=0)
        return weights, slots, totals[:, 0] / ops.maximum(totals[:, 1], 1.0)

"""A network: what a trial trains. Layers, one after the other, and a head."""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from suite import machine
from suite.axis import Axis, shape_of
from suite.layers.base import Axes, Carry, Context, Layer, Stack, Weights, add_scope, select_scope
from suite.layers.head import Head
from suite.tensor import Tensor


@dataclass(frozen=True)
class Network:
    """Layers and a head; `features` is the axis of one step of the inputs.

    The name of a weight begins with that of its layer: "recurrent/W/zifo", "head/b". Sizes are functions of
    the number of units, which all layers share.
    """

    layers: Stack
    head: Head
    features: Axis

    def axes(self) -> Axes:
        """Return the axes of every weight, by name."""
        features = self.layers.output_axis(self.features)
        return self.layers.axes(self.features) | add_scope("head", self.head.axes(features))

    def leaves(self) -> dict[str, Layer]:
        """Return the layers that hold no others, by the scope of the names of their weights."""

        def walk(scope: str, layer: Layer, features: Axis) -> Iterator[tuple[str, Layer]]:
            parts = [
                walk(f"{scope}{name}/", part, input_axis) for name, part, input_axis in layer.parts(features)
            ]
            yield from itertools.chain(*parts) if parts else [(scope, layer)]

        return dict(walk("", self.layers, self.features))

    def gates(self, name: str) -> tuple[str, ...]:
        """Return the names of the gates side by side in a weight: "recurrent/b/zifo" has "recurrent/b/z", ….

        It is the weight's own name, if that is not of gates.
        """
        for scope, layer in self.leaves().items():
            if name.startswith(scope):
                return tuple(scope + gate for gate in layer.gates(name.removeprefix(scope)))
        return (name,)

    def fixed_weights(self) -> set[str]:
        """Return the names of the weights that are drawn and never trained."""
        return {
            name
            for name in self.axes()
            for scope, layer in self.leaves().items()
            if name.startswith(scope) and layer.is_fixed(name.removeprefix(scope))
        }

    @property
    def initial_weights(self) -> dict[str, str]:
        """The layers' own rules of initial weights, by patterns of names (`suite.initial_weights`)."""
        return {
            scope + pattern: rule
            for scope, layer in self.leaves().items()
            for pattern, rule in layer.initial_weights.items()
        }

    @property
    def hyperparameters(self) -> tuple[str, ...]:
        """The names of the hyperparameters that the layers read, in order."""
        names = (layer.hyperparameters for layer in self.leaves().values())
        return tuple(dict.fromkeys(itertools.chain(*names)))

    def shapes(self, units: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of every weight of one trial, by name."""
        return {name: shape_of(axes, units) for name, axes in self.axes().items()}

    def parameters(self, units: int) -> int:
        """Return the number of weights of one trial."""
        return sum(map(math.prod, self.shapes(units).values()))

    def state_size(self, units: int) -> int:
        """Return how many numbers are carried from one step to the next."""
        return self.layers.state_size(self.features, units)

    def step_operations(self, units: int) -> int:
        """Return the multiply–adds of one step forward; elementwise operations are not counted."""
        features = self.layers.output_axis(self.features).length(units)
        return self.layers.operations(self.features, units) + features * self.head.outputs

    def trial_operations(self, units: int, steps: Mapping[str, int], epochs: int) -> int:
        """Return the multiply–adds of a trial with this many units and epochs: its cost on any machine.

        `steps` are those of each split (`suite.task.total_steps`). A step backward costs two steps forward.
        An epoch trains on train and scores valid; the other splits are scored once. Padding is not counted.
        """
        tests = sum(steps.values()) - steps["train"] - steps["valid"]
        return self.step_operations(units) * (epochs * (3 * steps["train"] + steps["valid"]) + tests)

    def lane_demand(self, units: int, steps: int, batch: int, labels: int = 0) -> dict[str, int]:
        """Return the arguments of `machine.Plan.lanes_for` for sequences with `steps` and `labels`."""
        shapes = self.shapes(units)
        recurrent = sum(math.prod(shape) for name, shape in shapes.items() if "/R/" in name)
        recurrent = recurrent or self.parameters(units)  # a baseline has none: count all of its weights
        activations = self.layers.activations(self.features, units) + self.head.activations(labels)
        lane = machine.lane_bytes(self.parameters(units), activations, steps, batch)
        return {"recurrent": recurrent, "lane": lane, "batch": batch}

    def start_carry(self, lanes: int, batch: int, width: int) -> Carry:
        """Return what `apply` carries before the first step of `batch` sequences in each lane."""
        return self.layers.start_carry(self.features, lanes, batch, width)

    def apply(
        self, weights: Weights, x: Tensor, context: Context, carry: Carry = None
    ) -> tuple[Tensor, Tensor, Carry]:
        """Run the network over x (lanes, batch, steps, features).

        Returns logits (lanes, batch, labels, outputs), how many of the labels count, (lanes, batch), and what
        the next call takes as `carry` to continue the sequences.
        """
        h, carry = self.layers.apply(weights, x, self.features, context, carry)
        logits, labels = self.head.logits(select_scope("head", weights), h, context.steps)
        return logits, labels, carry

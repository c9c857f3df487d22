"""The network of a variant as a layer of Keras, for any model, optimiser and data."""

import random
import sys
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal, Self

import keras
from keras import ops

from suite import Refusal, options, registry
from suite.cells.base import Cell, with_lanes_axis
from suite.initial_weights import draw_weights
from suite.layers.base import Context
from suite.task import Task
from suite.task_check import ALIGNED_ANSWERS, format_choice
from suite.tensor import Tensor
from suite.variants import Variant, cell_variant, find_variant

INPUT_DTYPES = {"numbers": "float32", "symbols": "int32", "none": "float32"}
# what a step after the end of a sequence consists of
PADDING = {"numbers": -(2.0**100), "symbols": -1, "none": -1.0}


@keras.saving.register_keras_serializable("suite")
class NetworkLayer(keras.layers.Layer):
    """The network of a variant as one Keras layer, which turns sequences into logits.

    - `variant`: a name, such as "lstm@layers=2,direction=both" or "window@steps=8", a subclass of `Cell`, or
      a `suite.variants.Variant`.
    - `units`: the number of units of the network.
    - `features`, `outputs`, `answers`, `inputs`, `direction`: as in `suite.task.Task`.
    - `input_noise`: the standard deviation of Gaussian noise on the inputs in training.
    - `hyperparameters`: those of the cell itself, by name, such as a rate of dropout; 0 without a value.
    - `initial_weights`: rules that come after the paper's and the cell's (`suite.initial_weights`).

    Inputs are (batch, steps, features), or symbols (batch, steps). Logits are (batch, steps, outputs), or
    (batch, outputs) if the network answers at the last step. Sequences of unequal length are padded at their
    ends. Padding is where `mask`, (batch, steps), is False; without a mask, it is every step whose features
    are all `PADDING`.

    As in the engine, weights are drawn by the rules of `suite.initial_weights`, and numbers are float32.
    """

    def __init__(
        self,
        variant: str | type[Cell] | Variant,
        units: int,
        features: int,
        outputs: int,
        answers: Literal["every step", "last step", "unaligned"] = "every step",
        inputs: Literal["numbers", "symbols", "none"] = "numbers",
        direction: Literal["forward", "both"] = "forward",
        input_noise: float = 0.0,
        hyperparameters: Mapping[str, float] = MappingProxyType({}),
        initial_weights: Mapping[str, str] = MappingProxyType({}),
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        if answers not in ALIGNED_ANSWERS:
            raise Refusal(
                f"NetworkLayer: expected answers to be {format_choice(ALIGNED_ANSWERS)}, got {answers!r}"
            )
        if inputs not in PADDING:
            raise Refusal(f"NetworkLayer: expected inputs to be {format_choice(PADDING)}, got {inputs!r}")
        self.variant, self.units, self.input_noise = resolve_variant(variant), units, input_noise
        self.features, self.outputs, self.answers, self.inputs = features, outputs, answers, inputs
        self.direction = direction
        # a network reads only the shapes of its task here: Keras has the data and the loss
        task = Task(
            "", "", lambda _: {}, features, outputs, "squared", "squared", "", answers, "", inputs, direction
        )
        self.network = self.variant.network(task)
        self.hyperparameters, self.initial_weights = dict(hyperparameters), dict(initial_weights)
        for name in self.hyperparameters:
            if name not in self.network.hyperparameters:
                raise registry.unknown_name_error("hyperparameter", name, self.network.hyperparameters)
        self.seed_generator = keras.random.SeedGenerator()
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights; refuse inputs of another shape."""
        expected = () if self.inputs == "symbols" else (self.features,)
        if len(input_shape) < 2 or tuple(input_shape[2:]) != expected:
            shape = ", ".join(map(str, ("batch", "steps", *expected)))
            raise Refusal(f"NetworkLayer: expected inputs of shape ({shape}), got {tuple(input_shape)}")
        seed = random.randrange(2**31)  # from the generator that `keras.utils.set_random_seed` seeds
        fixed = self.network.fixed_weights()
        self.weights_by_name = {
            name: self.add_weight(
                name=name.replace("/", "_"),
                shape=weight.shape,
                initializer=lambda shape, dtype, weight=weight: ops.convert_to_tensor(weight, dtype),
                trainable=name not in fixed,
            )
            for name, weight in draw_weights(self.network, self.units, seed, self.initial_weights).items()
        }

    def call(self, inputs: Tensor, training: bool = False, mask: Tensor | None = None) -> Tensor:
        """Return the logits of sequences; `training` adds the noise."""
        present = self.find_steps(inputs, mask)
        x = ops.cast(inputs, INPUT_DTYPES[self.inputs])
        x = ops.where(present if self.inputs == "symbols" else present[:, :, None], x, ops.zeros_like(x))
        values = self.hyperparameters | {"input_noise": self.input_noise}
        context = Context(  # of one lane
            steps=ops.sum(ops.cast(present, "int32"), axis=1)[None],
            unit_mask=ops.ones((1, 1, self.units)),
            settings={name: ops.full((1,), values.get(name, 0.0)) for name in self.network.hyperparameters},
            keys=ops.cast(self.seed_generator.next(), "uint32")[None] if training else None,
        )
        weights = {
            name: ops.reshape(weight, with_lanes_axis(tuple(weight.shape), 1))
            for name, weight in self.weights_by_name.items()
        }
        logits, _, _ = self.network.apply(weights, x[None], context)
        return logits[0] if self.answers == "every step" else logits[0, :, 0]

    def find_steps(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return which steps of the inputs are not padding, (batch, steps)."""
        if mask is not None:
            return ops.cast(mask, "bool")
        data = ops.not_equal(ops.cast(inputs, INPUT_DTYPES[self.inputs]), PADDING[self.inputs])
        return data if self.inputs == "symbols" else ops.any(data, axis=-1)

    def compute_mask(self, inputs: Tensor, previous_mask: Tensor | None = None) -> Tensor | None:
        """Return which outputs are not padding, (batch, steps); None if there is one output a sequence."""
        return self.find_steps(inputs, previous_mask) if self.answers == "every step" else None

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the outputs."""
        return (*input_shape[: 2 if self.answers == "every step" else 1], self.outputs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments from which Keras creates the layer again."""
        sizes = ("units", "features", "outputs")
        others = ("answers", "inputs", "direction", "input_noise", "hyperparameters", "initial_weights")
        own = {name: getattr(self, name) for name in (*sizes, *others)}
        return {**super().get_config(), "variant": self.variant.name, **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Create the layer again; refuse a cell whose module is not imported: loading a file runs no code."""
        module, colon, _ = options.base_name(config["variant"]).partition(":")
        if colon and module not in sys.modules:
            raise Refusal(f"{config['variant']}: import {module} before you load a model with this cell")
        return cls(**config)


def resolve_variant(variant: str | type[Cell] | Variant) -> Variant:
    """Return a variant, by its name or from a subclass of `Cell`; its name then is "module:Class"."""
    if isinstance(variant, Variant):
        return variant
    if isinstance(variant, str):
        return find_variant(variant)
    if not (isinstance(variant, type) and issubclass(variant, Cell)):
        raise Refusal(f"cell: expected a name or a subclass of suite.cells.base.Cell, got {variant!r}")
    return replace(cell_variant(variant), name=f"{variant.__module__}:{variant.__qualname__}")

"""The definition of a task: sequences in three splits, what a network predicts, and how that is scored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

SPLITS = ("train", "valid", "test")
NO_LABEL = -1  # the target of a step without a label, among the classes of a task with labels at some steps


@dataclass(frozen=True)
class Split:
    """The sequences of one split, their inputs and their targets.

    `inputs[k]` is (steps, features), with any number of steps, or (steps,) if they are symbols. `targets[k]`
    is (labels, …): as many labels as steps for a task that answers at every step, one label for a task that
    answers at the last step, and any number of them for a task whose labels are not aligned with steps. A
    label is an array (outputs,) for the losses "bernoulli" and "squared", an integer class for "categorical",
    or `NO_LABEL` at a step that is neither trained on nor scored, and a symbol, an integer in
    0 … `outputs` − 2, for "ctc": the last output is the blank.
    """

    inputs: Sequence[np.ndarray]
    targets: Sequence[np.ndarray]

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def lengths(self) -> np.ndarray:
        """The number of steps of each sequence, (sequences,)."""
        return np.array([len(x) for x in self.inputs])


def total_steps(splits: Mapping[str, Split]) -> dict[str, int]:
    """Return the number of steps in each split, summed over its sequences."""
    return {name: int(split.lengths.sum()) for name, split in splits.items()}


@dataclass(frozen=True)
class Task:
    """A task: its data, its loss and metric, and the shapes of input and output.

    - `name` identifies the task in rows and files; `title` is its heading in reports, `source` its citation.
    - `load(folder)` returns {"train": Split, "valid": Split, "test": Split}; `folder` is the user's folder of
      data files, or None for the default places (`tasks.data`). More splits, whose names are "test_…",
      are scored like test, each for itself: "test_2x" has sequences twice as long (`tasks.generated`).
    - `features` and `outputs` are the sizes of one step of the input and of one label's prediction.
    - `loss` and `metric` name functions of `suite.layers.losses` and `suite.layers.metrics`. The score of a
      split is the metric averaged over all its labels; lower is better. `unit` is the unit of the score,
      such as "nats per frame".
    - `answers` says whether the network predicts a label at every step, one at the last step, or labels that
      are not aligned with steps, which is for the loss "ctc" (`suite.layers.ctc`).
    - `inputs` says what a step is: `features` numbers; a symbol, an integer in 0 … `features` − 1; or
      nothing, for a network that reads no input, only 0, with `features` = 1.
    - `direction` is that of recurrent layers, unless the option `direction` of a variant says another: "both"
      if labels depend on what comes after them.
    - `segment` is the number of steps of an update, if the sequences of a split are one stream, such as a
      text, through which the state is carried; 0 if they are independent.
    - `steps_ahead` is how many steps ahead of what the network has read the last label of each sequence is
      predicted; it is scored alone, and from then on the inputs of the network are its own predictions
      (`suite.training.generation`). With 0, all labels are scored, and all inputs are read.
    - `trivial` is the score of the best constant answer, where it is known.
    - `success_tolerance` is how far each output may be from its target in a sequence that counts as solved;
      with other losses than "squared" it is 0: what is most likely has to be right. None if sequences are not
      counted.
    - `class_weights` multiply the training loss of the labels of each class, (outputs,), for the loss
      "categorical": large ones for rare classes. Metrics are without them.

    Nothing is checked here: `suite.task_check` does that before a task is trained.
    """

    name: str
    title: str
    load: Callable[[Path | None], Mapping[str, Split]]
    features: int
    outputs: int
    loss: Literal["bernoulli", "categorical", "squared", "ctc"]
    metric: Literal["nats", "bits", "perplexity", "error", "squared", "rmse", "label error", "1 - auc"]
    unit: str
    answers: Literal["every step", "last step", "unaligned"]
    source: str
    inputs: Literal["numbers", "symbols", "none"] = "numbers"
    direction: Literal["forward", "both"] = "forward"
    segment: int = 0
    steps_ahead: int = 0
    trivial: float | None = None
    success_tolerance: float | None = None
    class_weights: tuple[float, ...] | None = None

    @property
    def io_shape(self) -> str:
        """The shape of input and output: "one-to-many", "many-to-one", "many-to-many" or "… unaligned"."""
        if self.inputs == "none":
            return "one-to-many"
        shapes = {"last step": "many-to-one", "unaligned": "many-to-many, unaligned"}
        return shapes.get(self.answers, "many-to-many")

"""Summarise the data of a task: lengths, values, score of a constant answer, duplicates between splits."""

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from suite.task import SPLITS, Split, Task


@dataclass(frozen=True)
class SplitSummary:
    """Summary of one split: number of sequences; minimum, median and maximum steps; and values."""

    sequences: int
    steps: tuple[int, int, int]
    inputs: str
    targets: str


def summarise_split(task: Task, split: Split) -> SplitSummary:
    """Return the summary of one split of a task."""
    lengths = split.lengths
    steps = int(lengths.min()), int(np.median(lengths)), int(lengths.max())
    if task.inputs == "symbols":
        inputs = present_values(split.inputs, task.features, "symbols")
    else:
        inputs = value_range(split.inputs)
    match task.loss:
        case "categorical":
            targets = present_values([joined_targets(split)], task.outputs, "classes")
        case "ctc":
            labels = [len(target) for target in split.targets]
            symbols = present_values(split.targets, task.outputs - 1, "symbols")
            targets = f"{symbols}, {min(labels)} to {max(labels)} labels in a sequence"
        case _:
            targets = value_range(split.targets)
    return SplitSummary(len(split), steps, inputs, targets)


def present_values(arrays: Sequence[np.ndarray], size: int, kind: str) -> str:
    """Return the dtypes of integers, and how many of the possible values occur: int64, 9 of 10 classes."""
    return f"{dtype_names(arrays)}, {len(np.unique(np.concatenate(arrays)))} of {size} {kind}"


def value_range(arrays: Sequence[np.ndarray]) -> str:
    """Return the dtypes, the minimum and the maximum of arrays as text: float32, 0 to 1."""
    low, high = min(a.min().item() for a in arrays), max(a.max().item() for a in arrays)
    return f"{dtype_names(arrays)}, {low:.4g} to {high:.4g}"


def dtype_names(arrays: Sequence[np.ndarray]) -> str:
    """Return the dtypes of arrays as text."""
    return " and ".join(sorted({str(array.dtype) for array in arrays}))


def joined_targets(split: Split) -> np.ndarray:
    """Return the targets of all sequences of a split as one array, (labels, …), without `NO_LABEL`."""
    targets = np.concatenate([np.asarray(target) for target in split.targets])
    return targets[targets >= 0] if targets.ndim == 1 else targets


def scored_targets(task: Task, split: Split) -> np.ndarray:
    """Return the targets of a split that a score counts: the last of each sequence, or all of them."""
    return np.stack([target[-1] for target in split.targets]) if task.steps_ahead else joined_targets(split)


def constant_score(task: Task, splits: Mapping[str, Split]) -> float:
    """Return the test score of the best constant answer, which is fitted to the training targets.

    Depending on the metric, the answer is the most frequent class or symbol, the frequency of each class or
    output, or the mean. A network should do better.
    """
    if task.loss == "ctc":
        constant = constant_label_error if task.metric == "label error" else constant_ctc_nats
        return constant(task, splits)
    train, test = joined_targets(splits["train"]), scored_targets(task, splits["test"])
    if task.loss == "categorical":
        train, test = train.astype(np.int64), test.astype(np.int64)  # joined, uint64 and int64 are float64
        counts = np.bincount(train, minlength=task.outputs)
        if task.metric == "error":
            return float(np.mean(test != counts.argmax()))
        frequencies = (counts + 1) / (counts.sum() + task.outputs)  # no class is impossible
        nats = float(-np.log(frequencies[test]).mean())
        return {"nats": nats, "bits": nats / np.log(2), "perplexity": float(np.exp(nats))}[task.metric]
    if task.loss == "bernoulli":
        on = (train.sum(axis=0, dtype=float) + 0.5) / (len(train) + 1)
        mean = test.mean(axis=0, dtype=float)
        if task.metric == "1 - auc":
            return 0.5
        if task.metric == "error":
            return float(np.where(on > 0.5, 1 - mean, mean).mean())
        return float(-(mean * np.log(on) + (1 - mean) * np.log(1 - on)).sum())
    mean = train.mean(axis=0, dtype=float)
    squared = float(np.mean(np.square(test - mean).sum(axis=-1)))
    return squared if task.metric == "squared" else squared**0.5


def constant_label_error(task: Task, splits: Mapping[str, Split]) -> float:
    """Return the label error on test of the best path of constant outputs: one symbol, the same everywhere.

    It is the one that most sequences of train have. Where a sequence has it, all its other labels are errors;
    where not, all of them are, as with a best path of blanks.
    """

    def occurrences(split):
        counts = [np.bincount(y.astype(np.int64), minlength=task.outputs) for y in split.targets]
        return np.count_nonzero(counts, axis=0)  # sequences that have each symbol

    symbol = occurrences(splits["train"]).argmax()
    return float(1 - occurrences(splits["test"])[symbol] / len(joined_targets(splits["test"])))


def constant_ctc_nats(task: Task, splits: Mapping[str, Split]) -> float:
    """Return the nats per label on test of outputs that have the same probabilities at every step.

    They are the frequencies in train if each label takes one step, and all other steps are blank. The sum
    over alignments is that of `suite.layers.ctc`, with the forward variables α.
    """
    blank = task.outputs - 1
    counts = np.bincount(joined_targets(splits["train"]).astype(np.int64), minlength=task.outputs)
    counts[blank] = splits["train"].lengths.sum() - counts.sum()
    log_y = np.log((counts + 1) / (counts.sum() + task.outputs))  # no output is impossible
    nats = 0.0
    for inputs, targets in sequence_pairs(splits["test"]):
        states = np.full(2 * len(targets) + 1, blank)
        states[1::2] = targets
        may_skip = states != np.concatenate([states[:2], states[:-2]])
        alpha = np.where(np.arange(len(states)) == 0, 0, -np.inf)
        for _ in range(len(inputs)):
            before = np.concatenate([[-np.inf, -np.inf], alpha])
            skipped = np.where(may_skip, before[:-2], -np.inf)
            alpha = np.logaddexp(np.logaddexp(alpha, before[1:-1]), skipped) + log_y[states]
        nats -= np.logaddexp(*alpha[-2:])
    return float(nats / len(joined_targets(splits["test"])))


def duplicate_counts(splits: Mapping[str, Split]) -> Iterator[tuple[str, str, int]]:
    """Yield (first split, second split, number of sequences of the second that are also in the first).

    The splits are train, valid, test, and then those of longer sequences.
    """
    names = [*SPLITS, *(name for name in splits if name not in SPLITS)]
    digests = {name: [sequence_digest(*pair) for pair in sequence_pairs(splits[name])] for name in names}
    for first_split, second_split in itertools.combinations(names, 2):
        first_digests = set(digests[first_split])
        if count := sum(digest in first_digests for digest in digests[second_split]):
            yield first_split, second_split, count


def sequence_pairs(split: Split) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the inputs and targets of each sequence of a split."""
    return zip(split.inputs, split.targets, strict=True)


def sequence_digest(inputs: np.ndarray, targets: np.ndarray) -> bytes:
    """Return a hash of the values of a sequence, in float32."""
    digest = hashlib.sha256(str((inputs.shape, targets.shape)).encode())
    for array in (inputs, targets):
        digest.update(np.ascontiguousarray(array, np.float32).tobytes())
    return digest.digest()

"""Batches of sequences of unequal length: length buckets, and the order in which sequences are trained on.

A compiled program needs fixed shapes, so the sequences of a split are put into a few buckets by length and
padded to the longest of their bucket. Which bucket an update uses is a property of the task, the same for
every trial and epoch: trials trained side by side need the same shape at the same time. Which sequences of
that bucket it uses is drawn for each trial and epoch.

A stream, such as a text, is not shuffled: it is cut into parts of equal length, one for each sequence of a
batch, and these into segments. Each update has the next segment of every part, and the state is carried.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from keras import ops

from suite import seeds
from suite.task import Split
from suite.tensor import Tensor

PAD_INDEX = -1  # stands for a missing sequence in a batch that is not full

Bucket: TypeAlias = dict[str, np.ndarray]


def make_buckets(split: Split, max_buckets: int = 4) -> list[Bucket]:
    """Return a split in at most `max_buckets` buckets, each padded to its longest sequence.

    A bucket holds `inputs` (sequences, steps, features), `targets` (sequences, labels, …), and the true
    lengths of both, `steps` and `labels`, (sequences,).
    """
    ends = bucket_boundaries(split.lengths, max_buckets)
    bucket_of_sequence = np.searchsorted(ends, split.lengths)
    return [
        {
            "inputs": pad_sequences([split.inputs[k] for k in members]),
            "steps": split.lengths[members].astype("int32"),
            "targets": pad_sequences([split.targets[k] for k in members]),
            "labels": np.array([len(split.targets[k]) for k in members], "int32"),
        }
        for members in (np.flatnonzero(bucket_of_sequence == bucket).tolist() for bucket in range(len(ends)))
    ]


def bucket_boundaries(lengths: np.ndarray, max_buckets: int) -> np.ndarray:
    """Return the longest length in each of at most `max_buckets` buckets, chosen so that padding is least."""
    sizes, counts = np.unique(lengths, return_counts=True)
    before = np.concatenate([[0], np.cumsum(counts)])  # sequences shorter than sizes[k]
    # cost[k]: steps, with padding, of all sequences shorter than sizes[k], in the buckets so far
    cost, cuts = np.where(before > 0, np.inf, 0.0), []
    for _ in range(min(max_buckets, len(sizes))):
        table = cost[:-1, None] + (before[None, 1:] - before[:-1, None]) * sizes[None, :]
        table[np.tril_indices(len(sizes), -1)] = np.inf  # no bucket ends before it begins
        cuts.append(table.argmin(axis=0))
        cost = np.concatenate([[np.inf], table.min(axis=0)])
    ends, end = [], len(sizes)
    for cut in reversed(cuts):
        ends.append(sizes[end - 1])
        end = cut[end - 1]
    return np.array(ends[::-1])


def pad_sequences(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Return arrays (length, …) of unequal length as one array (arrays, longest, …), zeros after each end.

    Its dtype can hold the values of all of them; floating-point numbers become float32, as in training.
    """
    dtype = np.result_type(*{array.dtype for array in arrays})
    dtype = np.dtype(np.float32) if dtype.kind == "f" else dtype
    padded = np.zeros((len(arrays), max(map(len, arrays)), *arrays[0].shape[1:]), dtype)
    for k, array in enumerate(arrays):
        padded[k, : len(array)] = array
    return padded


def bucket_schedule(sizes: list[int], batch: int) -> np.ndarray:
    """Return the bucket of every update of an epoch, (updates,), in a shuffled order that is always the same.

    `sizes` are the numbers of sequences in the buckets; each bucket gets as many batches as hold them.
    """
    updates = np.repeat(np.arange(len(sizes)), [-(-size // batch) for size in sizes])
    return np.random.default_rng(seeds.derive_seed("schedule", *sizes, batch)).permutation(updates)


def draw_batches(schedule: np.ndarray, sizes: list[int], batch: int, rng: np.random.Generator) -> np.ndarray:
    """Draw the sequences of every update, (updates, batch): indices within its bucket, or `PAD_INDEX`."""
    draws = np.empty((len(schedule), batch), "int32")
    for bucket, size in enumerate(sizes):
        full = np.full(-(-size // batch) * batch, PAD_INDEX)
        full[:size] = rng.permutation(size)
        draws[schedule == bucket] = full.reshape(-1, batch)
    return draws


def make_eval_buckets(
    splits: dict[str, Split], max_buckets: int = 2, batch: int = 32
) -> tuple[list[Bucket], dict[str, list[np.ndarray]]]:
    """Return the sequences of several splits in common buckets, and where those of each split are.

    The second result has, for each split, a list with one array per bucket: the indices of the split's
    sequences within the bucket, (chunks, size), filled up with `PAD_INDEX`. A size is at most `batch`, and no
    larger than the number of chunks needs. These arrays have the same shape for every split, so that one
    compiled program scores them all.
    """
    joint = Split(
        [x for split in splits.values() for x in split.inputs],
        [y for split in splits.values() for y in split.targets],
    )
    split_of_sequence = np.repeat(np.arange(len(splits)), [len(split) for split in splits.values()])
    eval_buckets = make_buckets(joint, max_buckets)
    ends = [bucket["inputs"].shape[1] for bucket in eval_buckets]
    bucket_of_sequence = np.searchsorted(ends, joint.lengths)
    eval_indices: dict[str, list[np.ndarray]] = {name: [] for name in splits}
    for bucket in range(len(ends)):
        split_of_member = split_of_sequence[bucket_of_sequence == bucket]
        largest = max(np.bincount(split_of_member, minlength=len(splits)))
        chunks = -(-largest // batch)
        size = -(-largest // chunks)
        for split, name in enumerate(splits):
            indices = np.full(chunks * size, PAD_INDEX, "int32")
            members = np.flatnonzero(split_of_member == split)
            indices[: len(members)] = members
            eval_indices[name].append(indices.reshape(chunks, size))
    return eval_buckets, eval_indices


EVAL_STREAMS = 32  # parts that a stream is cut into to be scored; each begins with a state of zeros


def make_segments(split: Split, streams: int, segment: int) -> Bucket:
    """Return a split as segments of a stream, in the form of a bucket (`make_buckets`).

    The sequences of the split are joined, and cut into `streams` parts of equal length. Segment k of part b
    is sequence k · streams + b of the result; the last segments may be shorter.
    """
    joined = {"inputs": np.concatenate(list(split.inputs)), "targets": np.concatenate(list(split.targets))}
    total = len(joined["inputs"])
    part = -(-total // streams)
    starts = np.arange(0, part, segment)[:, None] + part * np.arange(streams)
    ends = np.minimum(np.minimum(starts + segment, part * np.arange(1, streams + 1)), total)
    lengths = np.maximum(ends - starts, 0).ravel()
    bucket = {
        name: pad_sequences([array[start : start + n] for start, n in zip(starts.flat, lengths, strict=True)])
        for name, array in joined.items()
    }
    return bucket | dict.fromkeys(("steps", "labels"), lengths.astype("int32"))


def make_eval_segments(
    splits: dict[str, Split], segment: int
) -> tuple[list[Bucket], dict[str, list[np.ndarray]]]:
    """Return the segments of several splits in one bucket, and where those of each split are.

    The results are like those of `make_eval_buckets`: a chunk holds the same segment of every part.
    """
    segments = {name: make_segments(split, EVAL_STREAMS, segment) for name, split in splits.items()}
    bucket = {
        key: pad_sequences([row for each in segments.values() for row in each[key]])
        if key in ("inputs", "targets")
        else np.concatenate([each[key] for each in segments.values()])
        for key in ("inputs", "steps", "targets", "labels")
    }
    most = max(len(each["steps"]) for each in segments.values())
    indices, start = {}, 0
    for name, each in segments.items():
        count = len(each["steps"])
        own = np.full(most, PAD_INDEX, "int32")
        own[:count] = np.arange(start, start + count)
        indices[name], start = [own.reshape(-1, EVAL_STREAMS)], start + count
    return [bucket], indices


def gather_sequences(bucket: dict[str, Tensor], indices: Tensor) -> dict[str, Tensor]:
    """Return the sequences of a bucket (`make_buckets`) at indices (lanes, batch), by name.

    `PAD_INDEX` gives a sequence with no steps and no labels.
    """
    present = indices >= 0
    sequences = {name: ops.take(array, ops.maximum(indices, 0), axis=0) for name, array in bucket.items()}
    # numbers, or symbols, which are floats where `pad_sequences` joined uint64 and int64
    kind = "float32" if len(sequences["inputs"].shape) == 4 else "int32"
    sequences["inputs"] = ops.cast(sequences["inputs"], kind)
    for name in ("steps", "labels"):
        sequences[name] = ops.where(present, sequences[name], 0)
    return sequences

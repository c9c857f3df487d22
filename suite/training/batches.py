"""Sequences of unequal length in few shapes: length buckets, and who comes when.

Which bucket an update draws from is a property of the task, the same for every trial and epoch, so that
trials trained side by side always ask for the same shape. Which of the bucket's sequences comes next is the
trial's own draw, anew each epoch.
"""

import numpy as np

from suite import seeds
from suite.task import Split

PAD_INDEX = -1  # in place of a sequence, where a batch is not full


def make_buckets(split: Split, max_buckets: int = 4) -> list[dict[str, np.ndarray]]:
    """Return a split in at most `max_buckets` buckets, each padded to its longest sequence.

    A bucket holds inputs (sequences, steps, features), targets (sequences, labels, …), and `steps` and
    `labels` (sequences,), how many of them count.
    """
    ends = bucket_boundaries(split.lengths, max_buckets)
    owner = np.searchsorted(ends, split.lengths)
    return [
        {
            "inputs": pad_sequences([split.inputs[k] for k in members]),
            "steps": split.lengths[members].astype("int32"),
            "targets": pad_sequences([split.targets[k] for k in members]),
            "labels": np.array([len(split.targets[k]) for k in members], "int32"),
        }
        for members in (np.flatnonzero(owner == bucket) for bucket in range(len(ends)))
    ]


def bucket_boundaries(lengths: np.ndarray, max_buckets: int) -> np.ndarray:
    """Return the longest length of each of at most `max_buckets` buckets that together pad the least."""
    sizes, counts = np.unique(lengths, return_counts=True)
    before = np.concatenate([[0], np.cumsum(counts)])  # sequences shorter than sizes[k]
    # cost[k]: padded steps of the sequences shorter than sizes[k], in the buckets laid so far
    cost, cuts = np.where(before > 0, np.inf, 0.0), []
    for _ in range(min(max_buckets, len(sizes))):
        table = cost[:-1, None] + (before[None, 1:] - before[:-1, None]) * sizes[None, :]
        table[np.tril_indices(len(sizes), -1)] = np.inf  # a bucket ends where it begins or later
        cuts.append(table.argmin(axis=0))
        cost = np.concatenate([[np.inf], table.min(axis=0)])
    ends, end = [], len(sizes)
    for cut in reversed(cuts):
        ends.append(sizes[end - 1])
        end = cut[end - 1]
    return np.array(ends[::-1])


def pad_sequences(arrays) -> np.ndarray:
    """Return arrays (length, …) of unequal length as one, (arrays, longest, …), with zeros behind.

    Its type holds the values of all of them; fractions are float32, which is what is trained in.
    """
    dtype = np.result_type(*{array.dtype for array in arrays})
    dtype = np.float32 if dtype.kind == "f" else dtype
    out = np.zeros((len(arrays), max(map(len, arrays)), *arrays[0].shape[1:]), dtype)
    for k, array in enumerate(arrays):
        out[k, : len(array)] = array
    return out


def bucket_schedule(sizes: list[int], batch: int) -> np.ndarray:
    """Return the bucket of every update of an epoch, (updates,), shuffled once and for all.

    `sizes` are the numbers of sequences of the buckets; each goes into as many batches as it needs.
    """
    updates = np.repeat(np.arange(len(sizes)), [-(-size // batch) for size in sizes])
    return np.random.default_rng(seeds.derive_seed("schedule", *sizes, batch)).permutation(updates)


def draw_batches(schedule: np.ndarray, sizes: list[int], batch: int, rng: np.random.Generator) -> np.ndarray:
    """Return the sequences of every update, (updates, batch): positions in its bucket, or `PAD_INDEX`."""
    draws = []
    for size in sizes:
        full = np.full(-(-size // batch) * batch, PAD_INDEX)
        full[:size] = rng.permutation(size)
        draws.append(iter(full.reshape(-1, batch)))
    return np.array([next(draws[bucket]) for bucket in schedule], "int32")


def make_eval_buckets(splits: dict[str, Split], max_buckets: int = 2, batch: int = 32):
    """Return several splits in the same buckets, and where in them the sequences of each split are.

    The second is, for each split, a list with the positions of its sequences in each bucket, (chunks, batch),
    filled up with `PAD_INDEX` to the same shape for every split: one program scores them all.
    """
    joint = Split(
        [x for split in splits.values() for x in split.inputs],
        [y for split in splits.values() for y in split.targets],
    )
    owners = np.repeat(np.arange(len(splits)), [len(split) for split in splits.values()])
    joint_buckets = make_buckets(joint, max_buckets)
    ends = [bucket["inputs"].shape[1] for bucket in joint_buckets]
    home = np.searchsorted(ends, joint.lengths)
    questions = {name: [] for name in splits}
    for bucket in range(len(ends)):
        owner = owners[home == bucket]
        rows = -(-max(np.bincount(owner, minlength=len(splits))) // batch)
        for split, name in enumerate(splits):
            asked = np.full(rows * batch, PAD_INDEX, "int32")
            members = np.flatnonzero(owner == split)
            asked[: len(members)] = members
            questions[name].append(asked.reshape(rows, batch))
    return joint_buckets, questions

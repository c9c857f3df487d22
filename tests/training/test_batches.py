import itertools

import numpy as np
import pytest

from suite.task import Split
from suite.training import batches


def ragged(lengths):
    return Split(
        [np.full((n, 2), k + 1.0) for k, n in enumerate(lengths)],
        [np.full(n, k) for k, n in enumerate(lengths)],
    )


@pytest.mark.parametrize("most", [1, 2, 3, 5])
def test_no_choice_of_boundaries_pads_less(most):
    lengths = np.random.default_rng(most).integers(1, 15, 30)
    sizes = np.unique(lengths)

    def padded(ends):
        return sum(min(end for end in ends if end >= n) for n in lengths)

    cuts = itertools.combinations(sizes[:-1], min(most, len(sizes)) - 1)
    assert padded(batches.bucket_boundaries(lengths, most)) == min(padded((*cut, sizes[-1])) for cut in cuts)


def test_equal_lengths_share_one_bucket():
    assert len(batches.make_buckets(ragged([5, 5, 5]))) == 1


def test_buckets_hold_every_sequence_once_and_whole():
    lengths = [3, 9, 4, 4, 8, 1]
    seen = {}
    for bucket in batches.make_buckets(ragged(lengths), max_buckets=3):
        for x, steps, y, labels in zip(
            bucket["inputs"], bucket["steps"], bucket["targets"], bucket["labels"], strict=True
        ):
            assert steps == labels
            assert (x[:steps] == x[0, 0]).all()
            assert not x[steps:].any()
            assert (y[:labels] == x[0, 0] - 1).all()
            seen[int(x[0, 0]) - 1] = steps
    assert seen == dict(enumerate(lengths))


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_an_epoch_draws_every_sequence_once(batch):
    sizes = [5, 1, 8]
    schedule = batches.bucket_schedule(sizes, batch)
    order = batches.draw_batches(schedule, sizes, batch, np.random.default_rng(0))
    assert order.shape == (len(schedule), batch)
    for bucket, size in enumerate(sizes):
        drawn = order[schedule == bucket].ravel()
        assert sorted(drawn[drawn != batches.PAD_INDEX]) == list(range(size))


def test_the_schedule_mixes_the_buckets():
    schedule = batches.bucket_schedule([20, 20], 1)
    assert 10 < np.count_nonzero(np.diff(schedule)) < 30


def test_orders_differ_from_epoch_to_epoch():
    sizes = [30]
    schedule = batches.bucket_schedule(sizes, 1)
    first, second = (batches.draw_batches(schedule, sizes, 1, np.random.default_rng(k)) for k in (1, 2))
    assert (first != second).any()


def test_evaluation_covers_each_sequence_of_a_split_once_in_shapes_equal_for_all_splits():
    splits = {"valid": ragged([3, 9, 4, 4]), "test": ragged([2] * 40)}
    eval_buckets, eval_indices = batches.make_eval_buckets(splits, max_buckets=2, batch=8)
    for indices in eval_indices.values():
        assert [k.shape for k in indices] == [(5, 8), (1, 4)]  # of up to 40 sequences, and of up to 4
    lengths = {}
    for name, indices in eval_indices.items():
        chosen = [
            bucket["steps"][k[k != batches.PAD_INDEX]]
            for bucket, k in zip(eval_buckets, indices, strict=True)
        ]
        lengths[name] = sorted(np.concatenate(chosen))
    assert lengths == {name: sorted(split.lengths) for name, split in splits.items()}
